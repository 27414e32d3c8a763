import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { StatementLimits } from '../../../src/cli/work/statement.ts'
import { StatementClient } from '../../../src/cli/work/statement-client.ts'
import { type LocalPostgres, startLocalPostgres } from '../../../src/demo/local-postgres.ts'

/** The client against a real PostgreSQL with nothing between: what it makes of the protocol's answers. */
let postgres: LocalPostgres

beforeAll(async () => {
  postgres = await startLocalPostgres()
})

afterAll(() => postgres.stop())

async function open(): Promise<StatementClient> {
  return StatementClient.open({
    attach: (end: Duplex) => {
      const socket = connect(postgres.port, postgres.host)
      end.pipe(socket).pipe(end)
      socket.on('close', () => end.destroy())
      end.on('close', () => socket.destroy())
    },
    user: postgres.user,
    database: 'postgres',
    password: postgres.password,
    application: 'test',
  })
}

function rows(maxRows: number): StatementLimits {
  return { maxRows, maxBytes: 1024 * 1024, onFull: () => undefined }
}

test('values are PostgreSQL’s own text, with the names of their types', async () => {
  const client = await open()

  const result = await client.run(
    `select 9007199254740993::int8 as id, 42.10::numeric as total, null::text as nothing, true as ok,
            '{"a": 1}'::jsonb as doc, array[1,2] as list, timestamptz '2026-11-24 12:00Z' at time zone 'UTC' as at`,
    rows(10),
  )
  await client.close()

  expect(result.rows).toEqual([['9007199254740993', '42.10', null, 't', '{"a": 1}', '{1,2}', '2026-11-24 12:00:00']])
  expect(result.columns.map(({ type }) => type)).toEqual([
    ...['int8', 'numeric', 'text', 'bool', 'jsonb', '1007', 'timestamp'],
  ])
  expect(result).toMatchObject({ tag: 'SELECT 1', returnsRows: true, cutBy: null })
})

test('a result at the limit is whole, and one beyond it is cut', async () => {
  const client = await open()

  const atLimit = await client.run('select generate_series(1, 3) as n', rows(3))
  const beyond = await client.run('select generate_series(1, 1000000000) as n', rows(3))
  const unlimited = await client.run('select generate_series(1, 5000) as n', rows(0))
  await client.close()

  expect({ rows: atLimit.rows.length, cutBy: atLimit.cutBy }).toEqual({ rows: 3, cutBy: null })
  expect({ rows: beyond.rows.length, cutBy: beyond.cutBy }).toEqual({ rows: 3, cutBy: 'rows' })
  expect({ rows: unlimited.rows.length, cutBy: unlimited.cutBy }).toEqual({ rows: 5000, cutBy: null })
})

test('a write whose returned rows are cut is done all the same', async () => {
  const client = await open()
  await client.run('create table notes (n int)', rows(0))

  const written = await client.run('insert into notes select generate_series(1, 50) returning n', rows(2))
  const counted = await client.run('select count(*) from notes', rows(0))
  await client.close()

  expect({ rows: written.rows, cutBy: written.cutBy }).toEqual({ rows: [['1'], ['2']], cutBy: 'rows' })
  expect(counted.rows).toEqual([['50']])
})

test('a result beyond the bytes allowed is cut, and ends when it is cancelled', async () => {
  const client = await open()
  const onFull = (): void => client.cancel()

  const endless = await client.run("select repeat('x', 1000), generate_series(1, 1000000000)", {
    ...{ maxRows: 0, maxBytes: 10_500, onFull },
  })
  const after = await client.run('select 1', rows(0))
  await client.close()

  expect({ rows: endless.rows.length, cutBy: endless.cutBy }).toEqual({ rows: 10, cutBy: 'bytes' })
  expect(after.rows).toEqual([['1']])
})

test('an error keeps the words of the database, and the next statement runs', async () => {
  const client = await open()

  await expect(client.run('select 1/0', rows(0))).rejects.toMatchObject({ code: '22012', message: 'division by zero' })
  const after = await client.run('select 1', rows(0))
  await client.close()

  expect(after.rows).toEqual([['1']])
})

test('it knows whether a transaction is open', async () => {
  const client = await open()

  await client.run('begin', rows(0))
  const within = client.isInTransaction
  await client.run('select 1/0', rows(0)).catch(() => undefined)
  const failed = client.isInTransaction
  await client.run('rollback', rows(0))
  const after = client.isInTransaction
  await client.close()

  expect([within, failed, after]).toEqual([true, true, false])
})

test('a statement under way is cancelled', async () => {
  const client = await open()

  const running = client.run('select pg_sleep(60)', rows(0))
  setTimeout(() => client.cancel(), 100)

  await expect(running).rejects.toMatchObject({ code: '57014' })
  await client.close()
})

test('a backend that is killed ends the statement with its reason, and later ones with an error', async () => {
  const [client, killer] = [await open(), await open()]
  const [[pid]] = (await client.run('select pg_backend_pid()', rows(0))).rows as [[string]]

  const running = client.run('select pg_sleep(60)', rows(0)).catch((error: unknown) => error)
  await killer.run(`select pg_terminate_backend(${pid})`, rows(0))

  expect(await running).toMatchObject({ code: '57P01' })
  await expect(client.run('select 1', rows(0))).rejects.toThrow()
  await Promise.all([client.close(), killer.close()])
})

test('rows of COPY are not mistaken for nothing', async () => {
  const client = await open()

  const copied = await client.run('copy (select 1) to stdout', rows(0))
  const refused = client.run('copy pg_temp.x from stdin', rows(0))

  expect(copied.isCopy).toBe(true)
  await expect(refused).rejects.toThrow()
  await client.close()
})

test('a wrong password is refused with the words of the server', async () => {
  const { Secret } = await import('../../../src/base/secret.ts')
  const wrong = StatementClient.open({
    attach: (end: Duplex) => {
      const socket = connect(postgres.port, postgres.host)
      end.pipe(socket).pipe(end)
    },
    user: postgres.user,
    database: 'postgres',
    password: new Secret('wrong'),
    application: 'test',
  })

  await expect(wrong).rejects.toMatchObject({ code: '28P01' })
})
