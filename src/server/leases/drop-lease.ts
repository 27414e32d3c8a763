import type pg from 'pg'
import {
  closeLeaseStatements,
  dropLeaseStatements,
  emptyLeaseStatements,
  leaseElsewhereQuery,
  leaseRoleName,
  listLeasesQuery,
  terminateLeaseQuery,
} from '../../engines/postgres/admin/lease-role.ts'
import type { ServerContext } from '../context.ts'
import { type AdminWork, asAdmin, inTransaction } from './admin-connection.ts'

/** A role at a database, by what its name and its comment say. */
export interface FoundLease {
  readonly role: string
  readonly session: string
  readonly server: string
}

const backendTries = 60
const backendRestMs = 50

/** How roles say whose they are: the same for all replicas on one store, and no other server's. */
export function serverMark({ keys }: Pick<ServerContext, 'keys'>): string {
  return keys.publicJwk['kid'] ?? ''
}

/** The leases this server has made, at one database. A role whose name and comment do not agree is nobody's. */
export async function listLeases(work: AdminWork, server: string): Promise<readonly FoundLease[]> {
  if (work.connection.credentials.kind !== 'lease') return []
  return asAdmin(work, (client) => leasesOf(client, server))
}

/**
 * Shuts a role out, ends its connections and removes it. Nothing happens when it is gone, or is not this server's.
 * @throws AppError `DATABASE_UNREACHABLE`
 */
export async function dropLease(work: AdminWork, { role, server }: Omit<FoundLease, 'session'>): Promise<void> {
  const { credentials } = work.connection
  if (credentials.kind !== 'lease') return
  await asAdmin(work, async (client) => {
    if (!(await isThere(client, role, server))) return
    try {
      for (const statement of closeLeaseStatements(role)) await client.query(statement)
      await endBackends(client, role)
      await emptyElsewhere(work, client, { role, template: credentials.template })
      await inTransaction(client, dropLeaseStatements(role, credentials.template))
    } catch (error) {
      // Another replica may have been at it: what counts is that the role is gone.
      if (await isThere(client, role, server)) throw error
    }
  })
}

async function leasesOf(client: pg.Client, server: string): Promise<readonly FoundLease[]> {
  const { rows } = await client.query<FoundLease>(listLeasesQuery)
  return rows.filter((row) => row.server === server && row.role === leaseRoleName(row.session))
}

async function isThere(client: pg.Client, role: string, server: string): Promise<boolean> {
  return (await leasesOf(client, server)).some((lease) => lease.role === role)
}

/** Until they are gone: one that is still ending could yet make something the role would own. */
async function endBackends(client: pg.Client, role: string): Promise<void> {
  for (let left = backendTries; left > 0; left--) {
    const { rows } = await client.query(terminateLeaseQuery, [role])
    if (rows.length === 0) return
    await new Promise((resolve) => setTimeout(resolve, backendRestMs))
  }
}

async function emptyElsewhere(
  work: AdminWork,
  client: pg.Client,
  lease: { readonly role: string; readonly template: string },
): Promise<void> {
  const { rows } = await client.query<{ database: string }>(leaseElsewhereQuery, [lease.role])
  for (const { database } of rows) {
    await asAdmin({ ...work, connection: { ...work.connection, database } }, (there) =>
      inTransaction(there, emptyLeaseStatements(lease.role, lease.template)),
    )
  }
}
