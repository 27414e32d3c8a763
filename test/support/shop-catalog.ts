import pg from 'pg'
import type { LocalPostgres } from '../../src/demo/local-postgres.ts'
import { buildSnapshot } from '../../src/engines/postgres/catalog/build-snapshot.ts'
import { catalogQueries } from '../../src/engines/postgres/catalog/queries.ts'
import type { CatalogSnapshot } from '../../src/engines/postgres/catalog/snapshot.ts'

/** A client of a database of `postgres`, as its superuser. */
export async function superuser(postgres: LocalPostgres, database: string): Promise<pg.Client> {
  const { host, port, user, password } = postgres
  const client = new pg.Client({ host, port, user, password: password.reveal(), database })
  await client.connect()
  return client
}

/** The snapshot of whatever `client` is connected to, read the way the guard reads it: as text. */
export async function readSnapshot(client: pg.Client): Promise<CatalogSnapshot> {
  const results: (string | null)[][][] = []
  for (const text of catalogQueries) {
    const asText = { getTypeParser: () => (value: string) => value }
    results.push((await client.query({ text, rowMode: 'array', types: asText as never })).rows as (string | null)[][])
  }
  return buildSnapshot(results, 'test')
}
