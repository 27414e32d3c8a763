import { connect } from 'node:net'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { searchAudit } from '../../src/api/audit.ts'
import { openSession } from '../../src/api/session.ts'
import { Secret } from '../../src/base/secret.ts'
import { type HoopHome, newHoopHome } from '../support/hoop-process.ts'
import { eventually, type Shop, startShop } from '../support/shop.ts'

/** What happens when parts go away: the server, the proxy, the session's time. */
let shop: Shop
let home: HoopHome

beforeAll(async () => {
  shop = await startShop()
  home = newHoopHome()
  await home.logIn(shop.demo.url, 'developer')
})

afterAll(async () => {
  await shop?.stop()
  home?.remove()
})

describe('the server goes away', () => {
  test('an open port goes on, and what happened meanwhile arrives once each', async () => {
    const opened = await shop.connect()
    const client = await opened.client()
    await client.query('select 1 as before_the_outage')
    await shop.demo.stopServer()
    for (let count = 0; count < 5; count++) await client.query(`select ${count} as during_the_outage`)
    await expect(client.query('drop table orders')).rejects.toMatchObject({ code: '42501' })
    await shop.demo.restartServer()
    const auditor = await shop.as('auditor')

    const found = await eventually(async () => {
      const { records } = await auditor.api.call(searchAudit, { query: { text: 'during_the_outage' } })
      return records.length >= 5 && records.every(({ finished }) => finished) && records
    }, 20_000)

    expect(found.map(({ started }) => started.sql).sort()).toEqual(
      [0, 1, 2, 3, 4].map((count) => `select ${count} as during_the_outage`),
    )
    await opened.close()
  })

  test('no session opens without it', async () => {
    await shop.demo.stopServer()

    const ended = await home.run(['exec', 'prod-db', '-C', 'developer', '-o', 'json', '--', 'select 1'])

    expect(ended.exit).toBe(11)
    expect(JSON.parse(ended.stderr)).toMatchObject({ error: { code: 'SERVER_UNREACHABLE', exit: 11 } })
    expect(ended.stdout).toBe('')
    await shop.demo.restartServer()
  })
})

describe('the proxy is killed', () => {
  test('a statement under way is told of by its started record, once the next command has brought it in', async () => {
    const proxy = home.start(['connect', 'prod-db', '-C', 'developer', '--port', '0', '--plain', '-o', 'jsonl'])
    const [line] = await proxy.says(/\{"event":"ready".*\}/)
    const { port } = JSON.parse(line) as { port: number }
    const password = await passwordOf(home, port)
    const client = new pg.Client({
      host: '127.0.0.1',
      port,
      user: 'hoop',
      database: 'shop',
      password: password.reveal(),
    })
    client.on('error', () => undefined)
    await client.connect()
    const running = client.query('select count(*) from orders a, orders b, orders c').catch((error: unknown) => error)
    const direct = await shop.direct()
    await eventually(async () => {
      const { rows } = await direct.query(
        "select 1 from pg_stat_activity where state = 'active' and query like '%orders a, orders b%' and pid <> pg_backend_pid()",
      )
      return rows.length > 0
    })
    proxy.child.kill('SIGKILL')
    await Promise.all([proxy.ended, running])
    const auditor = await shop.as('auditor')
    await home.run(['exec', 'prod-db', '-C', 'developer', '--', 'select 1'])

    const record = await eventually(async () => {
      const { records } = await auditor.api.call(searchAudit, { query: { text: 'orders b,' } })
      return records[0]
    })

    expect(record).toMatchObject({ started: { verdict: 'allowed' }, finished: null })
  })

  test('statements that were held are not run, whatever is approved afterwards', async () => {
    const direct = await shop.direct()
    const before = (await direct.query('select salary from employees where id = 3')).rows[0]
    const proxy = home.start([
      'exec',
      'prod-db',
      '-C',
      'developer',
      '--wait',
      '1m',
      '--',
      'update employees set salary = 1 where id = 3',
    ])
    const [request] = await proxy.says(/req_[0-9A-Z]{8}/)
    proxy.child.kill('SIGKILL')
    await proxy.ended
    await home.logIn(shop.demo.url, 'approver')
    await home.run(['approvals', 'approve', request, '-C', 'approver'])
    await new Promise((resolve) => setTimeout(resolve, 500))

    expect((await direct.query('select salary from employees where id = 3')).rows[0]).toEqual(before)
  })
})

describe('the lease', () => {
  test('works while the session lasts, and neither after it is closed nor after its time', async () => {
    const developer = await shop.as('developer')
    const about = { connection: 'prod-db', reason: '', ticket: '', host: 'h', osUser: 'u', program: 'test' }
    const long = await developer.api.call(openSession, { body: about })
    const short = await developer.api.call(openSession, { body: { ...about, forS: 2 } })
    expect(await canLogIn(long.lease)).toBe(true)
    expect(await canLogIn(short.lease)).toBe(true)

    await new Promise((resolve) => setTimeout(resolve, 2_100))
    expect(await canLogIn(short.lease)).toBe(false)
    await developer.api.call((await import('../../src/api/session.ts')).stopSession, {
      params: { id: sessionOf(long.document) },
      body: { reason: 'done' },
    })
    expect(await canLogIn(long.lease)).toBe(false)
  })

  test('leaves no role behind, not even of a proxy that never said goodbye', async () => {
    const developer = await shop.as('developer')
    const { lease } = await developer.api.call(openSession, {
      body: { connection: 'prod-db', reason: '', ticket: '', host: 'h', osUser: 'u', program: 'crashed', forS: 1 },
    })
    const direct = await shop.direct()

    await eventually(
      async () => (await direct.query('select 1 from pg_roles where rolname = $1', [lease.user])).rows.length === 0,
      15_000,
    )
  })

  test('carries the rights of its template and no others', async () => {
    const developer = await shop.as('developer')
    const { lease } = await developer.api.call(openSession, {
      body: { connection: 'prod-db', reason: '', ticket: '', host: 'h', osUser: 'u', program: 'test', forS: 30 },
    })
    const client = new pg.Client({ ...lease, ssl: false })
    await client.connect()

    await expect(client.query('drop table orders')).rejects.toMatchObject({ code: '42501' })
    await expect(client.query('create role other')).rejects.toMatchObject({ code: '42501' })
    await expect(client.query("copy (select 1) to program 'id'")).rejects.toMatchObject({ code: '42501' })
    await client.end()
  })
})

describe('a client that is not PostgreSQL', () => {
  test('is dropped without a word', async () => {
    const opened = await shop.connect()
    const socket = connect(opened.port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    const said: Buffer[] = []
    socket.on('data', (chunk: Buffer) => said.push(chunk))
    await new Promise((resolve) => socket.once('close', resolve))

    expect(said).toEqual([])
    await opened.close()
  })

  test('with a wrong password gets 28P01', async () => {
    const opened = await shop.connect()
    const client = new pg.Client({
      host: '127.0.0.1',
      port: opened.port,
      user: 'hoop',
      database: 'shop',
      password: 'guess',
    })

    await expect(client.connect()).rejects.toMatchObject({ code: '28P01' })
    await opened.close()
  })
})

async function canLogIn(lease: {
  host: string
  port: number
  database: string
  user: string
  password: string
}): Promise<boolean> {
  const client = new pg.Client({ ...lease, ssl: false })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.end()
    return true
  } catch {
    return false
  }
}

function sessionOf(document: string): string {
  const payload = JSON.parse(Buffer.from(document.split('.')[1] ?? '', 'base64url').toString()) as { session: string }
  return payload.session
}

/** The password of a live session, as `hoop url` shows it to its owner. */
async function passwordOf(own: HoopHome, port: number): Promise<Secret> {
  const { stdout } = await own.run(['url', 'prod-db', '-C', 'developer', '--show-password'])
  const url = new URL(stdout.trim().split(/\s/)[0] ?? '')
  expect(Number(url.port)).toBe(port)
  return new Secret(decodeURIComponent(url.password))
}
