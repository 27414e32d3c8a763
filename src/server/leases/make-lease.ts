import type { Lease } from '../../api/session.ts'
import type { Random } from '../../base/ports.ts'
import { createLeaseStatements, leaseRoleName, scramVerifier } from '../../engines/postgres/admin/lease-role.ts'
import type { StoredConnection } from '../connections/connection-store.ts'
import { asAdmin, inTransaction } from './admin-connection.ts'

/** The role to make, and the server whose mark it carries. */
export interface LeaseOrder {
  readonly session: string
  readonly endsAtMs: number
  readonly server: string
  readonly random: Random
  /** Told right before the first statement: from then on, the role may be there. */
  readonly onBegin?: () => void
}

/** Makes a role for one session at its database. @throws AppError `DATABASE_UNREACHABLE` */
export async function makeLease(connection: StoredConnection, order: LeaseOrder): Promise<Lease> {
  const { host, port, database, tls, credentials } = connection
  if (credentials.kind === 'static') {
    return { host, port, database, user: credentials.user, password: credentials.password, tls }
  }
  const { session, endsAtMs, server, random } = order
  const role = leaseRoleName(session)
  const password = Buffer.from(random.bytes(24)).toString('base64url')
  await asAdmin({ connection }, async (client) => {
    const version = await client.query<{ server_version_num: string }>('show server_version_num')
    const statements = createLeaseStatements({
      role,
      template: credentials.template,
      session,
      server,
      verifier: scramVerifier(password, random.bytes(16)),
      validUntilMs: endsAtMs,
      serverVersion: Number(version.rows[0]?.server_version_num),
    })
    order.onBegin?.()
    await inTransaction(client, statements)
  })
  return { host, port, database, user: role, password, tls }
}
