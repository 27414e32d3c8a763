import type { ConnectionInput } from '../../api/connection.ts'
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
  const read = (row: { name: string; input: string; sealed: string }): StoredConnection =>
    withPassword(JSON.parse(row.input) as ConnectionInput, seal.open(`connection:${row.name}`, row.sealed))
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
      const row = {
        input: JSON.stringify(withPassword(input, '')),
        sealed: seal.close(`connection:${input.name}`, password),
      }
      await store.db
        .insertInto('connections')
        .values({ name: input.name, ...row })
        .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
        .execute()
    },
  }
}

function withPassword(input: ConnectionInput, password: string): ConnectionInput {
  const { credentials } = input
  return {
    ...input,
    credentials:
      credentials.kind === 'lease' ? { ...credentials, adminPassword: password } : { ...credentials, password },
  }
}
