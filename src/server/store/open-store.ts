import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Dialect, Kysely, Migrator, PostgresDialect, SqliteDialect } from 'kysely'
import { AppError } from '../../base/app-error.ts'
import type { Log } from '../../base/ports.ts'
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
export async function openStore(config: StoreConfig, log: Log): Promise<Store> {
  let db: Kysely<Tables> | undefined
  try {
    db = new Kysely<Tables>({ dialect: await dialectOf(config, log) })
    const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } })
    const { error } = await migrator.migrateToLatest()
    if (error) throw error
    const { destroy } = db
    return { db, dialect: config.kind, close: destroy.bind(db) }
  } catch (error) {
    await db?.destroy()
    const where = config.kind === 'sqlite' ? config.file : 'PostgreSQL'
    const why = error instanceof Error ? error.message || error.name : 'no reason given'
    throw new AppError('LOCAL_STATE', `Cannot open the store in ${where}: ${why}`, { cause: error })
  }
}

function dialectOf(config: StoreConfig, log: Log): Promise<Dialect> {
  return config.kind === 'sqlite' ? sqlite(config.file) : postgres(config.url, log)
}

async function sqlite(file: string): Promise<SqliteDialect> {
  const { default: Database } = await import('better-sqlite3')
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  // SQLite gives the files beside it the mode of this one, and statements people ran are in it.
  closeSync(openSync(file, 'a', 0o600))
  const database = new Database(file)
  database.pragma('journal_mode = WAL')
  // What was acknowledged to a proxy is deleted there: it must outlive a power cut here.
  database.pragma('synchronous = FULL')
  database.pragma('foreign_keys = ON')
  database.pragma('busy_timeout = 5000')
  return new SqliteDialect({ database })
}

const int8Oid = 20

async function postgres(url: Secret, log: Log): Promise<PostgresDialect> {
  const { default: pg } = await import('pg')
  const types: import('pg').CustomTypesConfig = {
    // Times and counts stay far below 2^53; as text they would not be numbers on one dialect and numbers on the other.
    getTypeParser: ((oid: number, format: 'text' | 'binary') =>
      oid === int8Oid ? Number : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
  }
  const pool = new pg.Pool({
    connectionString: url.reveal(),
    max: 10,
    types,
    connectionTimeoutMillis: 10_000,
    application_name: 'hoop:server',
  })
  // An idle connection that breaks is replaced by the next query; without a listener it would end the process.
  pool.on('error', (error) => log.warn('a connection to the store was lost', { error }))
  return new PostgresDialect({ pool })
}
