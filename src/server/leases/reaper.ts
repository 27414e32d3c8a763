import { groupBy } from '../../base/group-by.ts'
import type { StoredConnection } from '../connections/connection-store.ts'
import type { ServerContext } from '../context.ts'
import { dropLease, listLeases, serverMark } from './drop-lease.ts'
import { dropNoted } from './leases.ts'

/**
 * Removes roles that nobody has a live session for: those that are noted, wherever they were made, and those found at the
 * databases of today by name and comment. A database that cannot be reached is tried again in the next round, and holds up
 * no other.
 */
export async function reapLeases(context: ServerContext, signal: AbortSignal): Promise<void> {
  const notes = await context.store.db
    .selectFrom('leases')
    .leftJoin('sessions', 'sessions.id', 'leases.session')
    .select(['leases.session', 'leases.connection'])
    .where(({ or, eb }) => or([eb('sessions.state', 'is', null), eb('sessions.state', '!=', 'live')]))
    .execute()
  const byConnection = groupBy(notes, ({ connection }) => connection)
  await Promise.all(
    [...byConnection.values()].map(async (group) => {
      for (const { session } of group) await dropNoted(context, { session, signal })
    }),
  )
  await Promise.all((await context.connections.list()).map((connection) => reapAt(context, connection, signal)))
}

async function reapAt(context: ServerContext, connection: StoredConnection, signal: AbortSignal): Promise<void> {
  try {
    const server = serverMark(context)
    for (const lease of await listLeases({ connection, signal }, server)) {
      // A session is stored before its role is made: one without a session never gets one.
      const known = await context.sessions.find(lease.session)
      if (known?.state !== 'live') await dropLease({ connection, signal }, lease)
    }
  } catch (error) {
    context.log.warn('leases could not be looked at', { connection: connection.name, error })
  }
}
