import { createServer, type Server, type Socket } from 'node:net'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { ApiClient } from '../../../src/api/client.ts'
import type { ConnectionInput } from '../../../src/api/connection.ts'
import { closeSession, heartbeatSession, type Lease, listSessions, stopSession } from '../../../src/api/session.ts'
import { type RealPostgres, startPostgres } from '../../support/real-postgres.ts'
import { eventually } from '../../support/shop.ts'
import { lasting, oncallConnects, open, publish, put, staticConnection } from '../support/sessions.ts'
import { startTestServer, type TestServer } from '../support/test-server.ts'

const adminPassword = 'admin-secret-that-nobody-may-see'
const leasePattern = /^hoop_lease_ses_[0-9a-z]{26}$/

let database: RealPostgres
let direct: pg.Client
let server: TestServer
let ana: ApiClient
let root: ApiClient

beforeAll(async () => {
  database = await startPostgres(['log_statement=all'])
  direct = await login({ user: database.user, password: database.password })
  await direct.query('create database other_db')
  // No superuser: what IDENTITY asks for. It may make roles, and give the template's rights on.
  await direct.query(`create role hoop_admin login createrole password '${adminPassword}'`)
  await direct.query('create role shop_staff')
  await direct.query('grant shop_staff to hoop_admin with admin option')
  await direct.query('create table orders (id int)')
  await direct.query('grant select, insert on orders to shop_staff')
  await direct.query('grant create on schema public to shop_staff')
  server = await startTestServer()
  ;[ana, root] = [await lasting(server, 'ana'), await lasting(server, 'root')]
  await publish(root, oncallConnects)
  await put(root, leased('prod-db'))
})

afterAll(async () => {
  await server?.stop()
  await direct?.end()
  await database?.stop()
})

afterEach(async () => {
  for (const { id } of (await ana.call(listSessions, { query: { state: 'live' } })).sessions) {
    await ana.call(stopSession, { params: { id }, body: { reason: '' } })
  }
  // What tests leave is what the server would leave.
  expect(await leases()).toEqual([])
})

function leased(name: string, different: Partial<ConnectionInput> = {}): ConnectionInput {
  return staticConnection(name, {
    host: database.host,
    port: database.port,
    database: 'postgres',
    tls: { sslmode: 'disable' },
    credentials: { kind: 'lease', adminUser: 'hoop_admin', adminPassword, template: 'shop_staff' },
    ...different,
  })
}

async function login(as: { user: string; password: string; database?: string }): Promise<pg.Client> {
  const client = new pg.Client({ host: database.host, port: database.port, database: 'postgres', ...as })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

function enter(lease: Lease): Promise<pg.Client> {
  return login({ user: lease.user, password: lease.password })
}

async function leases(): Promise<readonly string[]> {
  const { rows } = await direct.query<{ rolname: string }>(
    "select rolname from pg_roles where rolname ~ '^hoop_lease_'",
  )
  return rows.map(({ rolname }) => rolname)
}

test('a lease logs in, with the rights of its template and no others', async () => {
  const { reply, id } = await open(server, ana)
  const client = await enter(reply.lease)
  const { rows } = await direct.query(
    'select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolvaliduntil from pg_roles where rolname = $1',
    [reply.lease.user],
  )
  const comment = await direct.query(
    "select shobj_description(oid, 'pg_authid') as said from pg_roles where rolname = $1",
    [reply.lease.user],
  )

  expect(reply.lease.user).toMatch(leasePattern)
  expect(rows[0]).toMatchObject({ rolsuper: false, rolcreaterole: false, rolcreatedb: false, rolreplication: false })
  expect(Number(rows[0].rolvaliduntil)).toBeLessThanOrEqual(Date.now() + 3_600_000)
  expect(comment.rows[0].said).toContain(id)
  await expect(client.query('select * from orders')).resolves.toMatchObject({ rows: [] })
  await expect(client.query('drop table orders')).rejects.toMatchObject({ code: '42501' })
  await expect(client.query('create role other')).rejects.toMatchObject({ code: '42501' })
  await client.end()
})

test('its password is in no log, no table and no error: PostgreSQL is given a verifier', async () => {
  const { reply } = await open(server, ana)
  const stored = await direct.query('select rolpassword from pg_authid where rolname = $1', [reply.lease.user])
  const rows = await server.inStore(async ({ db }) => [
    await db.selectFrom('sessions').selectAll().execute(),
    await db.selectFrom('leases').selectAll().execute(),
  ])

  expect(stored.rows[0].rolpassword).toMatch(/^SCRAM-SHA-256\$4096:/)
  const said = JSON.stringify([rows, server.log.lines])
  expect(said).not.toContain(reply.lease.password)
  expect(said).not.toContain(adminPassword)
})

describe('after the end', () => {
  test('of a closed session nobody logs in, and who was in is out', async () => {
    const { reply, id, proxy } = await open(server, ana)
    const client = await enter(reply.lease)
    const running = client.query('select pg_sleep(60)').catch((error: unknown) => error)
    await proxy.call(closeSession, { params: { id } })

    expect(await running).toMatchObject({ code: '57P01' })
    await expect(enter(reply.lease)).rejects.toMatchObject({ code: '28P01' })
    expect(await leases()).toEqual([])
  })

  test('of a stopped session nobody logs in', async () => {
    const { reply, id } = await open(server, ana)
    await root.call(stopSession, { params: { id }, body: { reason: '' } })

    await expect(enter(reply.lease)).rejects.toMatchObject({ code: '28P01' })
  })

  test('of its time a role goes by itself, even if PostgreSQL had let it in longer', async () => {
    const { reply } = await open(server, ana, { forS: 60 })
    const client = await enter(reply.lease)
    server.passMs(60_000)

    await eventually(async () => (await leases()).length === 0, 15_000)
    await expect(client.query('select 1')).rejects.toThrow()
    await expect(enter(reply.lease)).rejects.toMatchObject({ code: '28P01' })
  })

  test('of its time PostgreSQL itself lets nobody in, with the server away', async () => {
    const { reply } = await open(server, ana, { forS: 1 })
    await eventually(async () => {
      const { rows } = await direct.query('select rolvaliduntil < now() as over from pg_roles where rolname = $1', [
        reply.lease.user,
      ])
      return rows.length === 0 || rows[0].over
    })

    await expect(enter(reply.lease)).rejects.toMatchObject({ code: '28P01' })
    await eventually(async () => (await leases()).length === 0, 15_000)
  })

  test('of a proxy that was killed its role goes, once it has been silent for long enough', async () => {
    const { reply } = await open(server, ana)
    server.passMs(121_000)

    await eventually(async () => (await leases()).length === 0, 15_000)
    await expect(enter(reply.lease)).rejects.toMatchObject({ code: '28P01' })
  })

  test('what a lease has made belongs to the template, in every database', async () => {
    const { reply, id, proxy } = await open(server, ana)
    const client = await enter(reply.lease)
    await client.query('create table made_here (id int); create temp table passing (id int)')
    const superuser = await login({ ...database, database: 'other_db' })
    await superuser.query('grant create on schema public to shop_staff')
    const elsewhere = await login({ user: reply.lease.user, password: reply.lease.password, database: 'other_db' })
    await elsewhere.query('create table made_there (id int)')
    await proxy.call(closeSession, { params: { id } })
    const ownerOf = (name: string): string => `select tableowner from pg_tables where tablename = '${name}'`

    expect((await direct.query(ownerOf('made_here'))).rows).toEqual([{ tableowner: 'shop_staff' }])
    expect((await superuser.query(ownerOf('made_there'))).rows).toEqual([{ tableowner: 'shop_staff' }])
    expect(await leases()).toEqual([])
    await superuser.end()
  })
})

describe('the reaper', () => {
  test('removes what a server that was killed has left: of ended sessions, and of ones nobody knows', async () => {
    const [ended, unknown] = [await open(server, ana), await open(server, ana)]
    const survivor = await open(server, ana)
    await server.inStore(async ({ db }) => {
      // As if the server had died between writing this and going to the database.
      await db.updateTable('sessions').set({ state: 'ended', why: 'x' }).where('id', '=', ended.id).execute()
      await db.deleteFrom('leases').where('session', '=', unknown.id).execute()
      await db.deleteFrom('sessions').where('id', '=', unknown.id).execute()
    })
    expect(await leases()).toHaveLength(3)
    await server.restart()

    await eventually(async () => (await leases()).length === 1)
    expect(await leases()).toEqual([survivor.reply.lease.user])
    await expect(enter(ended.reply.lease)).rejects.toMatchObject({ code: '28P01' })
    await expect(enter(unknown.reply.lease)).rejects.toMatchObject({ code: '28P01' })
    await (await enter(survivor.reply.lease)).end()
  })

  test('touches no role that is not its own: by name alone, by comment alone, or of another server', async () => {
    const others = [
      'hoop_lease_ses_of_somebody',
      'plain_role',
      'hoop_lease_ses_x',
      'hoop_lease_ses_y"; drop table orders; --',
    ]
    const quoted = others.map((name) => `"${name.replaceAll('"', '""')}"`)
    for (const name of quoted) await direct.query(`create role ${name} login`)
    const mark = await markOf()
    await direct.query(`comment on role ${quoted[1]} is 'hoop lease of session ses_X by server ${mark}'`)
    await direct.query(`comment on role ${quoted[2]} is 'hoop lease of session ses_X by server another'`)
    await direct.query(`comment on role ${quoted[3]} is 'hoop lease of session ses_Y by server ${mark}'`)
    const stray = await open(server, ana)
    await server.inStore(async ({ db }) => {
      await db.updateTable('sessions').set({ state: 'ended' }).where('id', '=', stray.id).execute()
    })
    await server.restart()
    await eventually(async () => !(await leases()).includes(stray.reply.lease.user))
    const { rows } = await direct.query('select rolname from pg_roles where rolname = any($1)', [others])
    for (const name of quoted) await direct.query(`drop role ${name}`)

    expect(rows.map(({ rolname }) => rolname).sort()).toEqual([...others].sort())
  })

  test('removes a role where it was made, after its connection was pointed elsewhere and its password changed', async () => {
    await put(root, leased('moving-db'))
    const { reply, id, proxy } = await open(server, ana, { connection: 'moving-db' })
    await put(root, leased('moving-db', { host: '127.0.0.1', port: 1 }))

    expect(await proxy.call(heartbeatSession, { params: { id } })).toMatchObject({ state: 'ended' })
    expect(await leases()).not.toContain(reply.lease.user)

    await put(root, leased('moving-db'))
    const second = await open(server, ana, { connection: 'moving-db' })
    await direct.query("alter role hoop_admin password 'rotated'")
    const credentials = {
      kind: 'lease',
      adminUser: 'hoop_admin',
      adminPassword: 'rotated',
      template: 'shop_staff',
    } as const
    await put(root, leased('moving-db', { credentials }))
    await second.proxy.call(closeSession, { params: { id: second.id } })
    await direct.query(`alter role hoop_admin password '${adminPassword}'`)

    expect(await leases()).toEqual([])
    await put(root, staticConnection('moving-db'))
  })

  test('leaves alone what is being opened at this very moment', async () => {
    const opening = Promise.all(Array.from({ length: 8 }, () => open(server, ana)))
    const restarting = (async () => {
      for (let round = 0; round < 3; round++) await sweepOnce()
    })()
    const opened = await opening
    await restarting
    for (const { reply } of opened) await (await enter(reply.lease)).end()

    expect(await leases()).toHaveLength(8)
  })

  async function sweepOnce(): Promise<void> {
    const { reapLeases } = await import('../../../src/server/leases/reaper.ts')
    const { createConnectionStore } = await import('../../../src/server/connections/connection-store.ts')
    const { createSessionStore } = await import('../../../src/server/sessions/session-store.ts')
    const { openSeal } = await import('../../../src/server/keys/seal.ts')
    const { systemClock: clock } = await import('../../../src/identity/system-clock.ts')
    const seal = openSeal(`${server.dataDir}/server.key`)
    // A second replica on the same store.
    await server.inStore(async (store, keys) => {
      const connections = createConnectionStore(store, seal)
      const sessions = createSessionStore(store, clock)
      const replica = { store, keys, seal, clock, connections, sessions, log: server.log }
      await reapLeases(replica as unknown as Parameters<typeof reapLeases>[0], new AbortController().signal)
    })
  }

  async function markOf(): Promise<string> {
    return server.inStore(async (_store, keys) => keys.publicJwk['kid'] ?? '')
  }
})

describe('a database that is not as it should be', () => {
  async function refused(connection: ConnectionInput): Promise<unknown> {
    await put(root, connection)
    const error = await open(server, ana, { connection: connection.name }).catch((caught: unknown) => caught)
    const left = await server.inStore(async ({ db }) => ({
      sessions: await db.selectFrom('sessions').select('id').where('connection', '=', connection.name).execute(),
      leases: await db.selectFrom('leases').select('role').where('connection', '=', connection.name).execute(),
    }))
    await put(root, staticConnection(connection.name))
    expect(left).toEqual({ sessions: [], leases: [] })
    return error
  }

  test('is not reached: said so, and nothing is left behind', async () => {
    expect(await refused(leased('gone-db', { port: 1 }))).toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      message: expect.stringContaining('gone-db'),
    })
  })

  test('does not let the admin in: said so without naming the admin', async () => {
    const credentials = {
      kind: 'lease',
      adminUser: 'hoop_admin',
      adminPassword: 'wrong',
      template: 'shop_staff',
    } as const
    const error = await refused(leased('locked-db', { credentials }))

    expect(error).toMatchObject({ code: 'DATABASE_UNREACHABLE' })
    expect(String(error)).not.toContain('hoop_admin')
  })

  test('has no such template: nothing is left behind', async () => {
    const credentials = { kind: 'lease', adminUser: 'hoop_admin', adminPassword, template: 'nobody' } as const

    expect(await refused(leased('bare-db', { credentials }))).toMatchObject({ code: 'DATABASE_UNREACHABLE' })
    expect(await leases()).toEqual([])
  })

  test('accepts and says nothing: the server gives up, and stops in time all the same', async () => {
    const silent = await listenSilently()
    onTestFinished(() => silent.close())
    const other = await startTestServer()
    onTestFinished(() => other.stop())
    const [admin, person] = [await lasting(other, 'root'), await lasting(other, 'ana')]
    await publish(admin, oncallConnects)
    await put(admin, leased('silent-db', { port: silent.port }))
    await other.restart()
    const opening = open(other, person, { connection: 'silent-db' }).catch((error: unknown) => error)
    const begin = performance.now()

    expect(await opening).toMatchObject({ code: 'DATABASE_UNREACHABLE' })
    expect(performance.now() - begin).toBeLessThan(14_000)
    await other.restart()
    await eventually(() => silent.count > 1)
    const stopping = performance.now()
    await other.restart()
    expect(performance.now() - stopping).toBeLessThan(6_000)
  })
})

async function listenSilently(): Promise<{ readonly port: number; readonly count: number; close(): void }> {
  const sockets: Socket[] = []
  const listener: Server = createServer((socket) => {
    socket.on('error', () => undefined)
    sockets.push(socket)
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const address = listener.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    get count() {
      return sockets.length
    },
    close() {
      for (const socket of sockets) socket.destroy()
      listener.close()
    },
  }
}
