import type { ServerContext } from '../context.ts'
import { dropLease, listLeases } from '../leases/leases.ts'
import type { StoredSession } from './session-store.ts'

const everyMs = 5_000

/** Ends sessions that are over and removes roles nobody has a session for. Runs at start, then every few seconds. */
export interface Sweeper {
  /** One round; rejects with nothing: a database that cannot be reached is tried again next time. */
  sweep(): Promise<void>
  stop(): Promise<void>
}

export function startSweeper(context: ServerContext): Sweeper {
  let underWay: Promise<void> = Promise.resolve()
  const sweep = (): Promise<void> => {
    underWay = underWay.then(() => sweepOnce(context))
    return underWay
  }
  const timer = setInterval(() => void sweep(), everyMs)
  void sweep()
  return {
    sweep,
    async stop() {
      clearInterval(timer)
      await underWay
    },
  }
}

async function sweepOnce(context: ServerContext): Promise<void> {
  try {
    await endOverdue(context)
    await reapRoles(context)
  } catch (error) {
    context.log.error('sweep failed', { error })
  }
}

async function endOverdue(context: ServerContext): Promise<void> {
  const nowMs = context.clock.nowMs()
  for (const session of await context.sessions.list({ state: 'live' })) {
    const { offlineForS } = session.document.connection
    const silentForMs = Math.max(context.config.abandonedAfterS, offlineForS) * 1_000
    if (session.ends_at_ms <= nowMs) await context.sessions.end(session.id, 'its time was over')
    else if (session.seen_at_ms + silentForMs <= nowMs) await context.sessions.end(session.id, 'its proxy fell silent')
  }
}

/** By name and comment: a role without a live session goes, whoever made it and however that ended. */
async function reapRoles(context: ServerContext): Promise<void> {
  for (const connection of await context.connections.list()) {
    try {
      for (const { role, session } of await listLeases(connection)) {
        const known = await context.sessions.find(session)
        if (known?.state === 'live') continue
        await dropLease(connection, role)
        if (known) await context.sessions.leaseDropped(session)
      }
    } catch (error) {
      context.log.warn('leases could not be looked at', { connection: connection.name, error })
    }
  }
}

/** Ends a session and its role at once; a role that cannot be dropped now is left to the sweeper. */
export async function endSession(context: ServerContext, session: StoredSession, why: string): Promise<void> {
  await context.sessions.end(session.id, why)
  await context.store.db
    .updateTable('approvals')
    .set({ state: 'withdrawn' })
    .where('session', '=', session.id)
    .where('state', 'in', ['pending', 'approved'])
    .execute()
  const connection = await context.connections.find(session.connection)
  if (!connection || session.lease_role === '') return
  try {
    await dropLease(connection, session.lease_role)
    await context.sessions.leaseDropped(session.id)
  } catch (error) {
    context.log.warn('a lease is left to the sweeper', { session: session.id, error })
  }
}
