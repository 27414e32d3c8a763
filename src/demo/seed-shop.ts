import pg from 'pg'
import type { LocalPostgres } from './local-postgres.ts'
import { shopRows } from './shop-rows.ts'
import { shopSchema } from './shop-schema.ts'

/** Name of the database that holds the demo shop. */
export const shopDatabase = 'shop'

/** Creates the shop's database and fills it. Runs once, on a fresh cluster. */
export async function seedShop(postgres: LocalPostgres): Promise<void> {
  await withClient(postgres, 'postgres', (client) => client.query(`create database ${shopDatabase}`))
  await withClient(postgres, shopDatabase, async (client) => {
    await client.query(shopSchema)
    for (const { table, columns, rows } of shopRows()) {
      // One statement a table: the rows go as one JSON document, and PostgreSQL gives each value its column's type.
      const document = JSON.stringify(rows.map((row) => Object.fromEntries(columns.map((name, at) => [name, row[at]]))))
      await client.query(
        `insert into ${table} (${columns.join(', ')})
         select ${columns.join(', ')} from jsonb_populate_recordset(null::${table}, $1::jsonb)`,
        [document],
      )
    }
    await client.query('analyze')
  })
}

async function withClient(
  postgres: LocalPostgres,
  database: string,
  work: (client: pg.Client) => Promise<unknown>,
): Promise<void> {
  const { host, port, user } = postgres
  const client = new pg.Client({ host, port, user, password: postgres.password.reveal(), database })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}
