import type { ServerContext } from '../context.ts'
import { dropNoted } from '../leases/leases.ts'
import { overdueWhy, type StoredSession } from './session-store.ts'

/** Ends a session and its role at once; a role that cannot be removed now is left to the reaper. */
export async function endSession(
  context: ServerContext,
  session: Pick<StoredSession, 'id'>,
  why: string,
  signal?: AbortSignal,
): Promise<void> {
  await context.sessions.end(session.id, why)
  await dropNoted(context, { session: session.id, signal })
}

/** The session as it stands at this moment: one whose time has come since the last sweep is over. */
export async function standingOf(
  context: ServerContext,
  session: StoredSession,
): Promise<Pick<StoredSession, 'state' | 'why'>> {
  if (session.state === 'ended') return session
  const why = overdueWhy(session, context.clock.nowMs(), context.config.abandonedAfterS)
  if (why === '') return session
  await endSession(context, session, why)
  return { state: 'ended', why }
}
