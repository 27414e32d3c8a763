import pg from 'pg'
import type { Lease } from '../../api/session.ts'
import { AppError } from '../../base/app-error.ts'
import {
  closeLeaseStatements,
  createLeaseStatements,
  dropLeaseStatements,
  leaseRoleName,
  listLeasesQuery,
  scramVerifier,
  terminateLeaseQuery,
} from '../../engines/postgres/admin/lease-role.ts'
import type { StoredConnection } from '../connections/connection-store.ts'
import type { ServerContext } from '../context.ts'
import { tlsOptions } from './tls-options.ts'

/** Makes and removes the database roles of sessions, through an admin connection that only the server has. */

/**
 * The credential of a new session: a role of its own, or the fixed one of the connection.
 * @throws AppError `DATABASE_UNREACHABLE`, with nothing left behind
 */
export async function grantLease(
  context: Pick<ServerContext, 'random'>,
  connection: StoredConnection,
  session: { readonly id: string; readonly endsAtMs: number },
): Promise<{ readonly lease: Lease; readonly role: string }> {
  const { host, port, database, tls, credentials } = connection
  if (credentials.kind === 'static') {
    return { lease: { host, port, database, user: credentials.user, password: credentials.password, tls }, role: '' }
  }
  const role = leaseRoleName(session.id)
  const password = Buffer.from(context.random.bytes(24)).toString('base64url')
  await asAdmin(connection, async (client) => {
    const version = await client.query<{ server_version_num: string }>('show server_version_num')
    const statements = createLeaseStatements({
      role,
      template: credentials.template,
      session: session.id,
      verifier: scramVerifier(password, context.random.bytes(16)),
      validUntilMs: session.endsAtMs,
      serverVersion: Number(version.rows[0]?.server_version_num),
    })
    await inTransaction(client, statements)
  })
  return { lease: { host, port, database, user: role, password, tls }, role }
}

/** Ends the connections of a role and removes it. Nothing happens when it is gone already. */
export async function dropLease(connection: StoredConnection, role: string): Promise<void> {
  const { credentials } = connection
  if (credentials.kind !== 'lease') return
  await asAdmin(connection, async (client) => {
    const leases = await client.query<{ role: string }>(listLeasesQuery)
    if (!leases.rows.some((row) => row.role === role)) return
    await inTransaction(client, closeLeaseStatements(role))
    await client.query(terminateLeaseQuery, [role])
    await inTransaction(client, dropLeaseStatements(role, credentials.template))
  })
}

/** Roles of ours at the database, with the session each says it belongs to. */
export async function listLeases(connection: StoredConnection): Promise<readonly { role: string; session: string }[]> {
  if (connection.credentials.kind !== 'lease') return []
  return asAdmin(
    connection,
    async (client) => (await client.query<{ role: string; session: string }>(listLeasesQuery)).rows,
  )
}

async function asAdmin<T>(connection: StoredConnection, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const { host, port, database, tls, credentials } = connection
  if (credentials.kind !== 'lease')
    throw new AppError('UNEXPECTED', 'Cannot administer: the connection has no admin role')
  const client = new pg.Client({
    host,
    port,
    database,
    user: credentials.adminUser,
    password: credentials.adminPassword,
    ssl: tlsOptions(tls, host),
    application_name: 'hoop:server',
    connectionTimeoutMillis: 10_000,
    statement_timeout: 10_000,
  })
  // An error between queries ends the next one with its cause; without a listener it would end the process.
  client.on('error', () => undefined)
  try {
    await client.connect()
    return await work(client)
  } catch (error) {
    if (error instanceof AppError) throw error
    const why = error instanceof Error ? error.message || error.name : 'no reason given'
    throw new AppError('DATABASE_UNREACHABLE', `Cannot prepare a role at "${connection.name}": ${why}`, {
      cause: error,
      hint: 'Ask whoever runs the hoop server to look at this connection',
      ran: 'nothing',
    })
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function inTransaction(client: pg.Client, statements: readonly string[]): Promise<void> {
  await client.query('begin')
  try {
    for (const statement of statements) await client.query(statement)
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}
