import type { Lease } from '../../api/session.ts'
import { leaseRoleName } from '../../engines/postgres/admin/lease-role.ts'
import type { StoredConnection } from '../connections/connection-store.ts'
import type { ServerContext } from '../context.ts'
import type { Tables } from '../store/tables.ts'
import { dropLease, serverMark } from './drop-lease.ts'
import { makeLease } from './make-lease.ts'

/**
 * The credential of a session: a role of its own, or the fixed one of its connection. A role is noted in the store before it is
 * made, with all that dropping it takes, and the note goes only after the role: so whatever dies in between, it is known what
 * may exist and where, even if the connection has since been pointed elsewhere.
 */

/** The note of the role a session is to have; null where it gets a fixed one. */
export function noteOfLease(
  context: Pick<ServerContext, 'seal'>,
  connection: StoredConnection,
  session: string,
): Tables['leases'] | null {
  if (connection.credentials.kind !== 'lease') return null
  const role = leaseRoleName(session)
  const sealed = context.seal.close(labelOf(role), JSON.stringify(connection))
  return { role, session, connection: connection.name, sealed }
}

/**
 * Makes the role.
 * @throws AppError `DATABASE_UNREACHABLE`, with nothing left behind
 */
export async function grantLease(
  context: ServerContext,
  connection: StoredConnection,
  session: { readonly id: string; readonly endsAtMs: number },
): Promise<Lease> {
  let wasBegun = false
  try {
    return await makeLease(connection, {
      session: session.id,
      endsAtMs: session.endsAtMs,
      server: serverMark(context),
      random: context.random,
      onBegin() {
        wasBegun = true
      },
    })
  } catch (error) {
    context.log.warn('a lease could not be made', { connection: connection.name, error })
    // An answer to COMMIT that was lost leaves open whether the role is there.
    if (wasBegun) await dropNoted(context, { session: session.id })
    else await forget(context, leaseRoleName(session.id))
    throw error
  }
}

/** Removes the roles that are noted for a session and forgets them; what cannot be removed now stays noted. */
export async function dropNoted(
  context: ServerContext,
  of: { readonly session: string; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const notes = await context.store.db.selectFrom('leases').selectAll().where('session', '=', of.session).execute()
  for (const note of notes) {
    try {
      await dropWhereMade(context, note, of.signal)
      await forget(context, note.role)
    } catch (error) {
      context.log.warn('a lease is left to the reaper', { role: note.role, connection: note.connection, error })
    }
  }
}

/** At the place it was made, with the admin of today where that is still the same place: passwords change. */
async function dropWhereMade(
  context: ServerContext,
  note: Tables['leases'],
  signal: AbortSignal | undefined,
): Promise<void> {
  const made = JSON.parse(context.seal.open(labelOf(note.role), note.sealed)) as StoredConnection
  const today = await context.connections.find(note.connection)
  const lease = { role: note.role, server: serverMark(context) }
  if (!today || !isSamePlace(today, made)) return dropLease({ connection: made, signal }, lease)
  try {
    await dropLease({ connection: withTemplateOf(made, today), signal }, lease)
  } catch (error) {
    if (JSON.stringify(today) === JSON.stringify(made)) throw error
    await dropLease({ connection: made, signal }, lease)
  }
}

function isSamePlace(today: StoredConnection, made: StoredConnection): boolean {
  return today.host === made.host && today.port === made.port && today.credentials.kind === 'lease'
}

function withTemplateOf(made: StoredConnection, today: StoredConnection): StoredConnection {
  if (made.credentials.kind !== 'lease' || today.credentials.kind !== 'lease') return today
  return { ...made, tls: today.tls, credentials: { ...today.credentials, template: made.credentials.template } }
}

async function forget(context: ServerContext, role: string): Promise<void> {
  await context.store.db.deleteFrom('leases').where('role', '=', role).execute()
}

function labelOf(role: string): string {
  return `lease:${role}`
}
