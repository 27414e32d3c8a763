import { groupBy } from '../../base/group-by.ts'
import type { ServerContext } from '../context.ts'
import { reapLeases } from '../leases/reaper.ts'
import { endSession } from './end-session.ts'

const endEveryMs = 5_000
const reapEveryMs = 60_000

/** Ends sessions that are over, every few seconds, and removes roles without a session, at start and every minute. */
export interface Sweeper {
  /** Lets go of what is under way, and ends. */
  stop(): Promise<void>
}

export function startSweeper(context: ServerContext): Sweeper {
  const stopping = new AbortController()
  const rounds = [
    startRound(context, {
      name: 'ending sessions',
      everyMs: endEveryMs,
      work: () => endOverdue(context, stopping.signal),
    }),
    startRound(context, {
      name: 'reaping leases',
      everyMs: reapEveryMs,
      work: () => reapLeases(context, stopping.signal),
    }),
  ]
  return {
    async stop() {
      stopping.abort()
      await Promise.all(rounds.map((round) => round.stop()))
    },
  }
}

interface Round {
  readonly name: string
  readonly everyMs: number
  readonly work: () => Promise<void>
}

/** Works now and then again, never twice at once; a round that fails is logged, and the next one tries again. */
function startRound({ log }: ServerContext, { name, everyMs, work }: Round): Sweeper {
  let underWay: Promise<void> | undefined
  const run = (): void => {
    underWay ??= work()
      .catch((error: unknown) => log.error(`${name} failed`, { error }))
      .finally(() => {
        underWay = undefined
      })
  }
  const timer = setInterval(run, everyMs)
  run()
  return {
    async stop() {
      clearInterval(timer)
      await underWay
    },
  }
}

async function endOverdue(context: ServerContext, signal: AbortSignal): Promise<void> {
  const overdue = await context.sessions.overdue(context.config.abandonedAfterS)
  const byConnection = groupBy(overdue, ({ session }) => session.connection)
  // First all of them are over; then their roles go, one database never waiting for another.
  for (const { session, why } of overdue) await context.sessions.end(session.id, why)
  await Promise.all(
    [...byConnection.values()].map(async (group) => {
      for (const { session, why } of group) await endSession(context, session, why, signal)
    }),
  )
}
