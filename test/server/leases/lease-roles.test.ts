import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectionInput } from '../../../src/api/connection.ts'
import { type LocalPostgres, startLocalPostgres } from '../../../src/demo/local-postgres.ts'
import { listPostgresBinaries } from '../../../src/demo/postgres-binaries.ts'
import { seedShop } from '../../../src/demo/seed-shop.ts'
import {
  leaseRoleName,
  quoteIdentifier,
  quoteLiteral,
  scramVerifier,
} from '../../../src/engines/postgres/admin/lease-role.ts'
import { systemRandom } from '../../../src/identity/system-clock.ts'
import { dropLease, listLeases } from '../../../src/server/leases/drop-lease.ts'
import { makeLease } from '../../../src/server/leases/make-lease.ts'
import { superuser } from '../../support/shop-catalog.ts'

/** Leases made by an admin role that may create roles and is no superuser, as it should be. */
const all = listPostgresBinaries(process.env)
const installed = all.filter(({ origin }, at) => at === all.findIndex((other) => other.origin === origin))

describe.each(installed)('on the PostgreSQL of origin $origin', (binaries) => {
  let postgres: LocalPostgres
  let admin: pg.Client

  beforeAll(async () => {
    postgres = await startLocalPostgres({ binaries })
    await seedShop(postgres)
    admin = await superuser(postgres, 'shop')
    await admin.query(`create role hoop_admin login createrole password 'only for this test';
      grant shop_work to hoop_admin with admin option; create role bystander login`)
  })
  afterAll(async () => {
    await admin?.end()
    await postgres?.stop()
  })

  const connection = () =>
    connectionInput.parse({
      name: 'prod-db',
      engine: 'postgres',
      environment: 'prod',
      host: postgres.host,
      port: postgres.port,
      database: 'shop',
      tls: { sslmode: 'disable' },
      credentials: {
        kind: 'lease',
        adminUser: 'hoop_admin',
        adminPassword: 'only for this test',
        template: 'shop_work',
      },
    })
  const grant = (session: string, asked = connection()) =>
    makeLease(asked, { session, endsAtMs: Date.now() + 60_000, server: 'us', random: systemRandom })
  const drop = (role: string) => dropLease({ connection: connection() }, { role, server: 'us' })
  const list = () => listLeases({ connection: connection() }, 'us')
  const logIn = async ({ user, password }: { user: string; password: string }) => {
    const client = new pg.Client({ host: postgres.host, port: postgres.port, database: 'shop', user, password })
    client.on('error', () => undefined)
    await client.connect()
    return client
  }

  test('a lease can do what its template can, cannot become it, and is known by name and comment', async () => {
    const lease = await grant('ses_ONE')
    const client = await logIn(lease)

    expect((await client.query('select count(*) from orders')).rows[0].count).toBe('4000')
    await expect(client.query('create table t (id int)')).rejects.toMatchObject({ code: '42501' })
    expect(await list()).toEqual([{ role: lease.user, session: 'ses_ONE', server: 'us' }])
    expect(await listLeases({ connection: connection() }, 'others')).toEqual([])
    await client.end()
    await drop(lease.user)
  })

  test('dropping it ends its connections, and leaves nobody else worse off', async () => {
    const lease = await grant('ses_TWO')
    const client = await logIn(lease)
    const ended = new Promise((resolve) => client.once('end', resolve))

    await drop(lease.user)
    await ended

    await expect(logIn(lease)).rejects.toMatchObject({ code: '28P01' })
    const { rows } = await admin.query(
      "select rolname from pg_roles where rolname like 'hoop_lease%' or rolname = 'bystander'",
    )
    expect(rows).toEqual([{ rolname: 'bystander' }])
  })

  test('a role that only looks like one of ours is never dropped', async () => {
    await admin.query('create role hoop_lease_pretender')

    await drop('hoop_lease_pretender')

    expect((await admin.query("select 1 from pg_roles where rolname = 'hoop_lease_pretender'")).rows).toHaveLength(1)
  })

  test('the password never stands in the database in clear', async () => {
    const lease = await grant('ses_THREE')
    const { rows } = await admin.query('select rolpassword from pg_authid where rolname = $1', [lease.user])

    expect(rows[0].rolpassword).toMatch(/^SCRAM-SHA-256\$4096:/)
    expect(rows[0].rolpassword).not.toContain(lease.password)
    await drop(lease.user)
  })

  test('an admin role that may not is a clear error, with nothing left behind', async () => {
    const wrong = {
      ...connection(),
      credentials: { kind: 'lease' as const, adminUser: 'hoop_admin', adminPassword: 'wrong', template: 'shop_work' },
    }

    await expect(grant('ses_NO', wrong)).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE', exit: 10 })
    expect(await list()).toEqual([])
  })
})

test('names and texts are quoted whatever they hold', () => {
  expect(quoteIdentifier('a"; drop role x; --')).toBe('"a""; drop role x; --"')
  expect(quoteLiteral("it's")).toBe("'it''s'")
  expect(quoteLiteral('a\\')).toBe(" E'a\\\\'")
  expect(leaseRoleName('ses_01"; drop')).toMatch(/^hoop_lease_[a-z0-9_]+$/)
})

test('a verifier is that of RFC 5803', () => {
  expect(scramVerifier('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'))).toBe(
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
  )
})
