import type { ConnectionInput } from '../../api/connection.ts'
import { canonicalJson, type Json } from '../../base/canonical-json.ts'
import type { Seal } from '../keys/seal.ts'
import type { Store } from '../store/open-store.ts'

/** A connection as the server keeps it, its secret in clear: it never leaves the server. */
export type StoredConnection = ConnectionInput

export interface ConnectionStore {
  find(name: string): Promise<StoredConnection | undefined>
  list(): Promise<readonly StoredConnection[]>
  put(input: ConnectionInput): Promise<void>
}

/** Keeps connections; the credential's password lies sealed beside the rest. */
export function createConnectionStore(store: Store, seal: Seal): ConnectionStore {
  const read = (row: { input: string; sealed: string }): StoredConnection => {
    const open = JSON.parse(row.input) as ConnectionInput
    return withPassword(open, seal.open(labelOf(open), row.sealed))
  }
  return {
    async find(name) {
      const row = await store.db.selectFrom('connections').selectAll().where('name', '=', name).executeTakeFirst()
      return row && read(row)
    },
    async list() {
      return (await store.db.selectFrom('connections').selectAll().orderBy('name').execute()).map(read)
    },
    async put(input) {
      const password = input.credentials.kind === 'lease' ? input.credentials.adminPassword : input.credentials.password
      const open = withPassword(input, '')
      const row = { input: JSON.stringify(open), sealed: seal.close(labelOf(open), password) }
      await store.db
        .insertInto('connections')
        .values({ name: input.name, ...row })
        .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
        .execute()
    },
  }
}

/** All of the rest: whoever can write to the store cannot have the password sent to another host, or in clear. */
function labelOf(open: ConnectionInput): string {
  // Through JSON, as it came from there: an optional member that is not there is no member.
  return `connection:${canonicalJson(JSON.parse(JSON.stringify(open)) as Json)}`
}

function withPassword(input: ConnectionInput, password: string): ConnectionInput {
  const { credentials } = input
  return {
    ...input,
    credentials:
      credentials.kind === 'lease' ? { ...credentials, adminPassword: password } : { ...credentials, password },
  }
}
