import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Secret } from '../../../src/base/secret.ts'
import { openStore, type Store, type StoreConfig } from '../../../src/server/store/open-store.ts'
import { type RealPostgres, startPostgres } from '../../support/real-postgres.ts'
import { eventually, keptLog } from '../../support/shop.ts'

const folder = mkdtempSync(join(tmpdir(), 'hoop-test-store-'))
const log = keptLog()
let postgres: RealPostgres

beforeAll(async () => {
  postgres = await startPostgres()
})

afterAll(async () => {
  await postgres?.stop()
  rmSync(folder, { recursive: true, force: true })
})

function configOf(kind: 'sqlite' | 'postgres'): StoreConfig {
  return kind === 'sqlite'
    ? { kind, file: join(folder, 'new', 'hoop.sqlite') }
    : { kind, url: new Secret(postgres.url) }
}

describe.each(['sqlite', 'postgres'] as const)('a store in %s', (kind) => {
  let store: Store

  beforeAll(async () => {
    store = await openStore(configOf(kind), log)
  })

  afterAll(() => store?.close())

  test('opens again with what it held, however often and by however many at once', async () => {
    await store.db.insertInto('keys').values({ name: 'kept', sealed: 'x' }).execute()

    const others = await Promise.all([1, 2, 3].map(() => openStore(configOf(kind), log)))
    const kept = await Promise.all(
      others.map(({ db }) => db.selectFrom('keys').select('name').where('name', '=', 'kept').execute()),
    )
    await Promise.all(others.map((other) => other.close()))

    expect(kept).toEqual([[{ name: 'kept' }], [{ name: 'kept' }], [{ name: 'kept' }]])
  })

  test('gives times back as the numbers they were', async () => {
    const at = 1_795_528_052_123
    await store.db.insertInto('alerts').values({ at_ms: at, kind: 'k', stream: 's', detail: '' }).execute()
    const row = await store.db.selectFrom('alerts').select('at_ms').executeTakeFirstOrThrow()
    const { n } = await store.db
      .selectFrom('alerts')
      .select(({ fn }) => fn.countAll<number>().as('n'))
      .executeTakeFirstOrThrow()

    expect(row.at_ms).toBe(at)
    expect(n).toBe(1)
  })

  test('keeps text as it was, whatever the script', async () => {
    const text = 'Ünï "quoted" \\ 日本 🐘 \u202e'
    await store.db.insertInto('audit_reads').values({ at_ms: 1, sub: 'ana', what: text }).execute()

    expect(await store.db.selectFrom('audit_reads').select('what').execute()).toEqual([{ what: text }])
  })

  test('does all of a transaction or none of it', async () => {
    const add = (name: string) => ({ name, sealed: '' })
    const failing = store.db.transaction().execute(async (transaction) => {
      await transaction.insertInto('keys').values(add('half')).execute()
      await transaction
        .insertInto('keys')
        .values([add('twice'), add('twice')])
        .execute()
    })

    await expect(failing).rejects.toThrow()
    expect(await store.db.selectFrom('keys').selectAll().where('name', '=', 'half').execute()).toEqual([])
  })
})

test('the files of a SQLite store are for its owner alone', async () => {
  const file = join(folder, 'modes', 'hoop.sqlite')
  const store = await openStore({ kind: 'sqlite', file }, log)
  await store.db.insertInto('keys').values({ name: 'a', sealed: '' }).execute()
  const modes = ['', '-wal', '-shm']
    .filter((end) => existsSync(file + end))
    .map((end) => statSync(file + end).mode & 0o777)
  await store.close()

  expect(modes).toEqual([0o600, 0o600, 0o600])
})

test('a file that is no database is left as it is, with a reason', async () => {
  const file = join(folder, 'letter.sqlite')
  writeFileSync(file, 'Dear all,\n'.repeat(100))

  await expect(openStore({ kind: 'sqlite', file }, log)).rejects.toMatchObject({ code: 'LOCAL_STATE' })
  expect(statSync(file).size).toBe(1_000)
})

test.each([
  ['nobody listens', 'postgresql://hoop:hunter2@127.0.0.1:1/hoop'],
  ['the address is none', 'postgresql://hoop:hunter2@[nonsense/hoop'],
])('a PostgreSQL store that cannot be reached because %s is named without its password', async (_why, url) => {
  const opening = openStore({ kind: 'postgres', url: new Secret(url) }, log)

  await expect(opening).rejects.toMatchObject({ code: 'LOCAL_STATE' })
  await expect(opening).rejects.not.toThrow(/hunter2/)
})

test('a store outlives the loss of its connections', async () => {
  const store = await openStore(configOf('postgres'), log)
  const other = await openStore(configOf('postgres'), log)
  const pids = async (): Promise<unknown> => store.db.selectFrom('keys').select('name').execute()
  await pids()
  const { sql } = await import('kysely')
  await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'hoop:server' and pid <> pg_backend_pid()`.execute(
    other.db,
  )

  await eventually(() => log.lines.some((line) => line.startsWith('a connection to the store was lost')))
  await expect(pids()).resolves.toBeInstanceOf(Array)
  await store.close()
  await other.close()
})
