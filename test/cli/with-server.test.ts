import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Log } from '../../src/base/ports.ts'
import { clickThrough } from '../../src/demo/scripted-browser.ts'
import { type Demo, startDemo } from '../../src/demo/start-demo.ts'
import { logIn } from '../../src/identity/log-in.ts'
import { readPaths } from '../../src/identity/paths.ts'
import { systemClock } from '../../src/identity/system-clock.ts'
import { type Finished, hoop, startHoop } from './support/hoop.ts'

// Several processes each, on a machine that others use too.
vi.setConfig({ testTimeout: 120_000 })

/** The commands as processes of their own against a real server and a real database. */
let demo: Demo
const home = mkdtempSync(join(tmpdir(), 'hoop-cli-server-'))

beforeAll(async () => {
  const silent = (): void => undefined
  const log: Log = { debug: silent, info: silent, warn: silent, error: silent }
  demo = await startDemo({ version: '0.0.0', log, port: 0, onStep: silent })
  const paths = readPaths({ HOOP_CONFIG_DIR: home })
  for (const who of ['developer', 'approver', 'auditor']) {
    await logIn({
      server: demo.url,
      clock: systemClock,
      paths,
      contextName: who,
      store: 'plaintext',
      onNoKeychain: silent,
      present: (address: string) => clickThrough(address, who),
    })
  }
})

afterAll(async () => {
  await demo?.stop()
  rmSync(home, { recursive: true, force: true })
})

function as(who: string, args: readonly string[], stdin = ''): Promise<Finished> {
  return hoop(args, { env: { HOOP_CONFIG_DIR: home, HOOP_CONTEXT: who }, stdin })
}

function exec(sql: string, ...flags: string[]): Promise<Finished> {
  return as('developer', ['exec', 'prod-db', ...flags, '--', sql])
}

function errorOf({ stderr }: Finished): Record<string, unknown> {
  const lines = stderr.trimEnd().split('\n')
  return JSON.parse(lines.at(-1) ?? '').error
}

describe('exec', () => {
  test('prints masked rows on stdout and what was masked on stderr', async () => {
    const { exit, stdout, stderr } = await exec('select id, email from customers where id = 1', '-o', 'json')

    expect(exit).toBe(0)
    expect(JSON.parse(stdout)).toEqual({
      columns: [
        { name: 'id', type: 'int4' },
        { name: 'email', type: 'text' },
      ],
      rows: [[1, expect.stringMatching(/^.•••@/)]],
      rowCount: 1,
      truncated: false,
      masked: ['email'],
      audit: expect.stringMatching(/^evt_/),
    })
    expect(stderr).toMatch(/^1 row, \d+ ms\. Masked: email\. Audit evt_\w+\.\n$/)
  })

  test('reads stdin when no SQL is on the command line', async () => {
    const { exit, stdout } = await as('developer', ['exec', 'prod-db', '-o', 'raw', '-q'], 'select 3 as three;\n')

    expect({ exit, stdout }).toEqual({ exit: 0, stdout: '3\n' })
  })

  test.each([
    ['an unbounded write', 'delete from orders', 'POLICY_DENIED', 6, 'no-unbounded-writes', '42501'],
    ['a change of the schema', 'drop table orders', 'POLICY_DENIED', 6, 'no-ddl', '42501'],
    ['what is no SQL', 'selec 1', 'SQL_REJECTED', 3, 'hoop:syntax', '42601'],
    ['what the database rejects', 'select 1/0', 'SQL_REJECTED', 3, null, '22012'],
  ] as const)('%s ends with its exit code', async (_, sql, code, exit, rule, sqlstate) => {
    const finished = await exec(sql, '-o', 'json')

    expect(finished).toMatchObject({ exit, stdout: '' })
    expect(errorOf(finished)).toMatchObject({
      ...{ code, exit, rule, sqlstate, ran: 'nothing' },
      audit: expect.stringMatching(/^evt_/),
    })
  })

  test('a refusal says rule, place, next step and where it is recorded', async () => {
    const { stderr } = await exec('delete from orders')

    expect(stderr.replace(/evt_\w+/, 'evt_1').replace(/cedar:\d+/, 'cedar:9')).toMatchInlineSnapshot(`
      "✗ hoop: Blocked by rule "no-unbounded-writes". Nothing was run.
        UPDATE and DELETE must say which rows (shop.cedar:9)
        Try:  add a WHERE that compares a key with a value
        Ref:  POLICY_DENIED 42501 evt_1
      "
    `)
  })

  test('the database’s own words stand untouched', async () => {
    const { stderr } = await exec('insert into orders select * from orders where id = 1')

    expect(stderr).toMatch(/^✗ ERROR: {2}duplicate key value violates unique constraint "orders_pkey"\n/)
    expect(stderr).toMatch(/\n {2}Nothing was run\.\n {2}Ref: {2}SQL_REJECTED 23505 evt_\w+\n$/)
  })

  test('stops at the first statement that fails and says what had run', async () => {
    const finished = await exec('select 1 as a; select 1/0; select 2 as b', '-o', 'jsonl')

    expect(finished).toMatchObject({ exit: 3, stdout: '{"a":1}\n' })
    expect(errorOf(finished)).toMatchObject({ ran: 'partly', sqlstate: '22012' })
  })

  test('what a failed transaction had done is rolled back, and said to be', async () => {
    const finished = await exec(
      'begin; update orders set total = 12345.67 where id = 9; select 1/0; commit',
      '-o',
      'json',
    )
    const after = await exec('select count(*) from orders where id = 9 and total = 12345.67', '-o', 'raw')

    expect(errorOf(finished)).toMatchObject({ ran: 'nothing' })
    expect(after.stdout).toBe('0\n')
  })

  test('a transaction left open is rolled back with a warning', async () => {
    const { exit, stderr } = await exec('begin; update orders set total = 12345.67 where id = 9')

    expect(exit).toBe(0)
    expect(stderr).toContain('WARNING:  the last transaction was not committed, so it is rolled back')
  })

  test('a result beyond --max-rows is cut with exit 12, and with --allow-partial with exit 0', async () => {
    const cut = await exec('select id from orders', '--max-rows', '2', '-o', 'csv')
    const partial = await exec('select id from orders', '--max-rows', '2', '--allow-partial', '-o', 'json')

    expect(cut).toMatchObject({ exit: 12, stdout: 'id\n1\n2\n' })
    expect(partial.exit).toBe(0)
    expect(JSON.parse(partial.stdout)).toMatchObject({ rowCount: 2, truncated: true })
  })

  test('a connection that is not there for the caller ends with exit 5', async () => {
    const finished = await as('developer', ['exec', 'nope', '-o', 'json', '--', 'select 1'])

    expect(finished).toMatchObject({ exit: 5, stdout: '' })
    expect(errorOf(finished)).toMatchObject({ code: 'CONNECTION_NOT_GRANTED', ran: 'nothing' })
  })
})

test('a database that does not answer ends with exit 10, for exec and connect alike', async () => {
  const flags = ['--host', '127.0.0.1', '--port', '1', '--database', 'shop', '--env', 'prod', '--user', 'app']
  await as(
    'approver',
    ['admin', 'connection', 'create', 'dead-db', ...flags, '--sslmode', 'disable', '--password-stdin'],
    'pw',
  )
  const executed = await as('developer', ['exec', 'dead-db', '-o', 'json', '--', 'select 1'])
  const connected = await as('developer', ['connect', 'dead-db', '-o', 'json'])

  for (const finished of [executed, connected]) {
    expect(finished).toMatchObject({ exit: 10, stdout: '' })
    expect(errorOf(finished)).toMatchObject({ code: 'DATABASE_UNREACHABLE', ran: 'nothing', retryable: true })
  }
})

test('rows of COPY go by another way, and are not passed over in silence', async () => {
  const out = await exec('copy orders to stdout', '-o', 'json')
  const into = await exec('copy orders from stdin', '-o', 'json')

  expect(errorOf(out)).toMatchObject({ code: 'USAGE', ran: 'all', next: ['hoop psql CONNECTION'] })
  expect(errorOf(into)).toMatchObject({ code: 'USAGE', ran: 'nothing', next: ['hoop psql CONNECTION'] })
})

describe('an approval', () => {
  const raise = 'update employees set salary = 5000 where id = 3'

  async function pending(): Promise<string> {
    for (let tries = 0; tries < 40; tries++) {
      const { stdout } = await as('approver', ['approvals', 'ls', '-o', 'json', '-q'])
      const [first] = JSON.parse(stdout).approvals
      if (first) return first.id
    }
    throw new Error('nothing waits for an approval')
  }

  test('that is not waited for ends with exit 7', async () => {
    const finished = await exec(raise, '--no-wait', '-o', 'json')

    expect(finished).toMatchObject({ exit: 7, stdout: '' })
    expect(errorOf(finished)).toMatchObject({ code: 'APPROVAL_REQUIRED', rule: 'salaries-reviewed', ran: 'nothing' })
  })

  test('that nobody gives in time ends with exit 9', async () => {
    const finished = await exec(raise, '--wait', '500ms', '-o', 'json')

    expect(finished).toMatchObject({ exit: 9, stdout: '' })
    expect(errorOf(finished)).toMatchObject({ code: 'APPROVAL_TIMEOUT', request: expect.stringMatching(/^req_/) })
  })

  test('lets exactly that statement run, and never by its requester', async () => {
    const running = exec(raise, '--reason', 'INC-1')
    const id = await pending()
    const own = await as('developer', ['approvals', 'approve', id])
    const given = await as('approver', ['approvals', 'approve', id, '--reason', 'seen'])
    const { exit, stderr } = await running

    expect(own.exit).toBe(5)
    expect(given).toMatchObject({ exit: 0, stderr: `✓ ${id} is approved: this exact SQL, once.\n` })
    expect(exit).toBe(0)
    expect(stderr).toMatch(/^⧗ Needs approval by rule "salaries-reviewed": .*Nothing has run\.\n/)
    expect(stderr).toMatch(/\nUPDATE 1, \d+ ms\. Audit evt_\w+\.\n$/)
  })

  test('that is rejected ends with exit 8 and the reason', async () => {
    const running = exec(raise, '-o', 'json')
    await as('approver', ['approvals', 'reject', await pending(), '--reason', 'not now'])
    const finished = await running

    expect(finished).toMatchObject({ exit: 8, stdout: '' })
    expect(errorOf(finished)).toMatchObject({ code: 'APPROVAL_REFUSED', message: expect.stringContaining('not now') })
  })
})

describe('connect', () => {
  test('tells programs when it is ready, what happens, and why it ended', async () => {
    const readyFile = join(home, 'ready.json')
    const running = startHoop(['connect', 'prod-db', '--port', '0', '-o', 'jsonl', '--ready-file', readyFile], {
      env: { HOOP_CONFIG_DIR: home, HOOP_CONTEXT: 'developer' },
    })
    const ready = JSON.parse(await running.firstLine)
    const url = await as('developer', ['url', 'prod-db', '-q', '--show-password'])
    const bare = await as('developer', ['url', 'prod-db', '-q'])
    const isTold = existsSync(readyFile)
    running.kill('SIGINT')
    const { exit, stdout } = await running.finished

    expect(ready).toMatchObject({ event: 'ready', host: '127.0.0.1', database: 'shop', user: 'hoop' })
    expect(url.stdout).toMatch(
      new RegExp(`^postgres://hoop:[\\w-]{27}@127.0.0.1:${ready.port}/shop\\?sslmode=disable\\n$`),
    )
    expect(bare.stdout).toBe(`postgres://hoop@127.0.0.1:${ready.port}/shop?sslmode=disable\n`)
    expect(isTold).toBe(true)
    expect(exit).toBe(130)
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')).toEqual({
      event: 'ended',
      reason: 'SIGINT',
      exit: 130,
    })
    expect(existsSync(ready.passFile)).toBe(false)
    expect(existsSync(readyFile)).toBe(false)
  })

  test('gives its program a way in, and takes over its exit code', async () => {
    const script = `
      const { PGHOST, PGPORT, PGPASSFILE, DATABASE_URL, PGSERVICE } = process.env
      const pg = require('pg')
      const client = new pg.Client({ connectionString: DATABASE_URL })
      client.connect()
        .then(() => client.query('select count(*) as n from orders'))
        .then(({ rows }) => { console.log(PGHOST, PGPORT > 0, !!PGPASSFILE, PGSERVICE, rows[0].n); process.exit(42) })`
    const { exit, stdout } = await hoop(['connect', 'prod-db', '--port', '0', '--', process.execPath, '-e', script], {
      env: { HOOP_CONFIG_DIR: home, HOOP_CONTEXT: 'developer', PGSERVICE: 'elsewhere' },
    })

    expect({ exit, stdout }).toEqual({ exit: 42, stdout: '127.0.0.1 true true undefined 4000\n' })
  })

  test.each([
    ['a program that is not there', ['prod-db', '--', 'no-such-program'], 127],
    ['a program that is none', ['prod-db', '--', import.meta.filename], 126],
    ['a connection that is not granted', ['nope', '--', 'true'], 125],
    ['a connection that is not granted, without a program', ['nope'], 5],
  ])('%s ends with the exit code of its kind', async (_, args, exit) => {
    expect(await as('developer', ['connect', ...args])).toMatchObject({ exit, stdout: '' })
  })

  test('a session stopped from outside ends with exit 13 and who did it', async () => {
    const running = startHoop(['connect', 'prod-db', '--port', '0', '-o', 'jsonl'], {
      env: { HOOP_CONFIG_DIR: home, HOOP_CONTEXT: 'developer' },
    })
    const { session } = JSON.parse(await running.firstLine)
    const stopped = await as('approver', ['sessions', 'stop', session, '--reason', 'cleaning up'])
    const { exit, stderr } = await running.finished

    expect(stopped.exit).toBe(0)
    expect(exit).toBe(13)
    expect(JSON.parse(stderr).error.message).toContain('cleaning up')
  })
})

test('the audit log finds who did what and why, in every format', async () => {
  await exec('select id from orders where id = 5', '--reason', 'INC-7 looking')
  const json = await as('auditor', ['audit', 'search', '--reason', 'INC-7', '--since', '1h', '-o', 'json'])
  const csv = await as('auditor', ['audit', 'search', '--reason', 'INC-7', '-o', 'csv', '-q'])
  const [record] = JSON.parse(json.stdout).records
  const shown = await as('auditor', ['audit', 'show', record.id, '-o', 'json'])

  expect(record.started).toMatchObject({ verb: 'SELECT', verdict: 'allowed', reason: 'INC-7 looking' })
  expect(record.finished).toMatchObject({ outcome: 'completed', rowsReturned: 1 })
  expect(csv.stdout.split('\n')[0]).toBe('at,who,connection,action,objects,verdict,rows,reason,id')
  expect(JSON.parse(shown.stdout)).toEqual(record)
})

test('a policy is fetched, changed, refused when wrong, and published when right', async () => {
  const folder = join(home, 'policy')
  const pulled = await as('approver', ['policy', 'pull', folder])
  const again = await as('approver', ['policy', 'pull', folder])
  const rules = readFileSync(join(folder, 'shop.cedar'), 'utf8')
  writeFileSync(join(folder, 'shop.cedar'), rules.replaceAll('context.effect.class', 'context.effect.klass'))
  const wrong = await as('approver', ['policy', 'push', folder, '-o', 'json'])
  writeFileSync(join(folder, 'shop.cedar'), `${rules}\n// looked at\n`)
  const right = await as('approver', ['policy', 'push', folder, '-o', 'json'])
  const forbidden = await as('developer', ['policy', 'push', folder])

  expect(pulled.exit).toBe(0)
  expect(again).toMatchObject({ exit: 2 })
  expect(wrong.exit).toBe(2)
  expect(errorOf(wrong)).toMatchObject({ code: 'POLICY_INVALID' })
  expect(right.exit).toBe(0)
  expect(JSON.parse(right.stdout)).toMatchObject({ version: 2 })
  expect(forbidden.exit).toBe(5)
})

test('a connection is created from a file, its password from stdin and never shown', async () => {
  const file = join(home, 'stage.yaml')
  writeFileSync(
    file,
    'environment: stage\nhost: 127.0.0.1\nport: 1\ndatabase: shop\ncredentials: {user: app, kind: static}\n',
  )
  const args = ['admin', 'connection', 'create', 'stage-db', '-f', file, '--sslmode', 'disable', '--password-stdin']
  const created = await as('approver', [...args, '-o', 'json'], 's3cret\n')
  const again = await as('approver', args, 's3cret\n')
  const listed = await as('approver', ['admin', 'connection', 'ls', '-o', 'json'])

  expect(created).toMatchObject({ exit: 0 })
  expect(`${created.stdout}${created.stderr}${listed.stdout}`).not.toContain('s3cret')
  expect(again.exit).toBe(2)
  expect(JSON.parse(listed.stdout).connections.map(({ name }: { name: string }) => name)).toContain('stage-db')
})

test('a server that is gone ends with exit 11', async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'hoop-cli-gone-'))
  cpSync(home, elsewhere, { recursive: true })
  const config = readFileSync(join(home, 'config.yaml'), 'utf8').replaceAll(demo.url, 'http://127.0.0.1:1')
  writeFileSync(join(elsewhere, 'config.yaml'), config)
  const finished = await hoop(['ls', '-o', 'json'], {
    env: { HOOP_CONFIG_DIR: elsewhere, HOOP_CONTEXT: 'developer' },
  })
  rmSync(elsewhere, { recursive: true, force: true })

  expect(finished).toMatchObject({ exit: 11, stdout: '' })
  expect(errorOf(finished)).toMatchObject({ code: 'SERVER_UNREACHABLE', retryable: true, ran: 'nothing' })
})
