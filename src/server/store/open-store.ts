import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { Kysely, Migrator, PostgresDialect, SqliteDialect } from 'kysely'
import { AppError } from '../../base/app-error.ts'
import type { Secret } from '../../base/secret.ts'
import { migrations } from './migrations.ts'
import type { Tables } from './tables.ts'

/** Where the server keeps what it knows. */
export type StoreConfig =
  | { readonly kind: 'sqlite'; readonly file: string }
  | { readonly kind: 'postgres'; readonly url: Secret }

export interface Store {
  readonly db: Kysely<Tables>
  readonly dialect: StoreConfig['kind']
  close(): Promise<void>
}

/** Opens the store and brings it up to date. @throws AppError `LOCAL_STATE` when that cannot be done */
export async function openStore(config: StoreConfig): Promise<Store> {
  try {
    const db = new Kysely<Tables>({
      dialect: config.kind === 'sqlite' ? await sqlite(config.file) : await postgres(config.url),
    })
    const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } })
    const { error } = await migrator.migrateToLatest()
    if (error) throw error
    return { db, dialect: config.kind, close: () => db.destroy() }
  } catch (error) {
    const where = config.kind === 'sqlite' ? config.file : 'PostgreSQL'
    const why = error instanceof Error ? error.message : 'no reason given'
    throw new AppError('LOCAL_STATE', `Cannot open the store in ${where}: ${why}`, { cause: error })
  }
}

async function sqlite(file: string): Promise<SqliteDialect> {
  const { default: Database } = await import('better-sqlite3')
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const database = new Database(file)
  database.pragma('journal_mode = WAL')
  // What was acknowledged to a proxy is deleted there: it must outlive a power cut here.
  database.pragma('synchronous = FULL')
  database.pragma('busy_timeout = 5000')
  return new SqliteDialect({ database })
}

const int8Oid = 20

async function postgres(url: Secret): Promise<PostgresDialect> {
  const { default: pg } = await import('pg')
  const types: import('pg').CustomTypesConfig = {
    // Times and counts stay far below 2^53; as text they would not be numbers on one dialect and numbers on the other.
    getTypeParser: ((oid: number, format: 'text' | 'binary') =>
      oid === int8Oid ? Number : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
  }
  return new PostgresDialect({ pool: new pg.Pool({ connectionString: url.reveal(), max: 10, types }) })
}
