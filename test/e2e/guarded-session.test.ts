import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listApprovals, voteApproval } from '../../src/api/approval.ts'
import { searchAudit } from '../../src/api/audit.ts'
import { eventually, type OpenShopTunnel, type Shop, startShop } from '../support/shop.ts'

/** node-postgres through the local port: a real driver, a real PostgreSQL, a real server. */
let shop: Shop
let opened: OpenShopTunnel
let client: pg.Client

beforeAll(async () => {
  shop = await startShop()
  opened = await shop.connect({ reason: 'INC-4821' })
  client = await opened.client()
})

afterAll(() => shop?.stop())

describe('reading', () => {
  test('classified columns come back masked, the others exact, in simple and in extended queries', async () => {
    const direct = await shop.direct()
    const raw = (await direct.query('select id, city from customers where id = 1')).rows[0]
    const simple = (await client.query('select id, email, city, notes from customers where id = 1')).rows[0]
    const extended = (await client.query('select id, email, city, notes from customers where id = $1', [1])).rows[0]

    expect(simple).toEqual({ ...raw, email: 'r•••@example.org', notes: null })
    expect(extended).toEqual(simple)
  })

  test('a prepared statement that is run again is masked again', async () => {
    const named = { name: 'by-id', text: 'select email from customers where id = $1' }
    const first = await client.query({ ...named, values: [1] })
    const second = await client.query({ ...named, values: [2] })

    expect([first.rows[0].email, second.rows[0].email]).toEqual(['r•••@example.org', 'm•••@example.org'])
  })

  test('binary results are masked too: what has no binary form becomes NULL, text stays text', async () => {
    const result = await client.query({
      text: 'select email, birth_date, id from customers where id = $1',
      values: [1],
      binary: true,
    } as pg.QueryConfig)

    expect(result.rows[0].email).toBe('r•••@example.org')
    expect(result.rows[0].id).toBe(1)
  })

  test('joins, counts, stars and views work, and masks follow a column through them', async () => {
    const joined = await client.query(
      'select o.id, c.email from orders o join customers c on c.id = o.customer_id order by o.id limit 2',
    )
    const view = await client.query('select * from order_summary where id = 1')
    const star = await client.query('select * from customers where id = 1')
    const counted = await client.query('select count(*) from customers')

    expect(joined.rows.every(({ email }) => /^.•••@example\.(com|org|net)$/.test(email))).toBe(true)
    expect(view.rows[0].customer_email).toMatch(/^.•••@/)
    expect(Object.keys(star.rows[0])).toHaveLength(10)
    expect(counted.rows).toEqual([{ count: '2000' }])
  })

  test('a table without classified columns is open to any vouched expression', async () => {
    const result = await client.query(
      'select status, count(*), round(avg(total)) from orders where total > 10 group by status order by 1',
    )

    expect(result.rows.length).toBe(5)
  })
})

describe('refusing', () => {
  test.each([
    ['delete from orders', 'no-unbounded-writes'],
    ['delete from orders where true', 'no-unbounded-writes'],
    ['update orders set total = 0 where id = id', 'no-unbounded-writes'],
    ['with gone as (delete from orders returning id) select count(*) from gone', 'no-unbounded-writes'],
    ['drop table orders', 'no-ddl'],
    ['truncate payments', 'no-ddl'],
    ['alter table orders add column x int', 'no-ddl'],
    ['create table t as select * from customers', 'no-ddl'],
    ['grant all on orders to public', 'no-ddl'],
    ['select upper(email) from customers', 'hoop:unproven-lineage'],
    ['select c from customers c', 'hoop:unproven-lineage'],
    ['select email from customers union select city from customers', 'hoop:unproven-lineage'],
    ["select id from customers where email like 'r%'", 'hoop:filter-classified'],
    ['select id from customers order by card', 'hoop:filter-classified'],
    ['copy customers to stdout', 'hoop:copy-masked'],
    ["select query_to_xml('select email from customers', true, true, '')", 'hoop-not-understood'],
    ["select set_config('search_path', 'x', false)", 'hoop-not-understood'],
    ["set client_encoding to 'SJIS'", 'hoop-not-understood'],
    ['set standard_conforming_strings to off', 'hoop-not-understood'],
    ['select * from pg_stats', 'hoop-not-understood'],
    ['do $$ begin delete from orders; end $$', 'hoop-not-understood'],
    ["copy (select 1) to program 'id'", 'hoop-not-understood'],
    ['explain analyze select email from customers', 'hoop:unproven-lineage'],
    ['select 1; drop table orders', 'no-ddl'],
  ])('%s is refused by %s, nothing runs, and the session lives on', async (sql, rule) => {
    const direct = await shop.direct()
    const before = await countAll(direct)

    await expect(client.query(sql)).rejects.toMatchObject({
      code: '42501',
      message: expect.stringContaining(`blocked by rule "${rule}"`),
      detail: expect.stringContaining('Recorded as evt_'),
    })

    expect(await countAll(direct)).toEqual(before)
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await direct.end()
  })

  test('the refusal says the next step', async () => {
    await expect(client.query('delete from orders')).rejects.toMatchObject({
      hint: 'add a WHERE that compares a key with a value',
    })
  })

  test("SQL that does not parse gets PostgreSQL's own words, place and code", async () => {
    await expect(client.query('select\n  frm orders where')).rejects.toMatchObject({
      code: '42601',
      position: expect.any(String),
    })
  })

  test('errors of the database that could quote classified values do not', async () => {
    const taken =
      "insert into customers (id, name, email, phone, card, birth_date, city, profile, created_at) values (1, 'x', 'secret@x', 'p', 'c', '2000-01-01', 'z', '{}', now())"

    const error = await client.query(taken).then(
      () => undefined,
      (caught: unknown) => caught,
    )

    expect(error).toMatchObject({ code: '23505' })
    expect(JSON.stringify(error)).not.toMatch(/secret@x|\(id\)=/)
  })
})

describe('transactions', () => {
  test('what was done before a refusal is rolled back with it, as the client believes', async () => {
    const direct = await shop.direct()
    const before = (await direct.query('select status from orders where id = 7')).rows[0]

    await client.query('begin')
    await client.query("update orders set status = 'returned' where id = 7")
    await expect(client.query('drop table orders')).rejects.toMatchObject({ code: '42501' })
    await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' })
    await client.query('commit')

    expect((await direct.query('select status from orders where id = 7')).rows[0]).toEqual(before)
  })

  test('a committed one is committed', async () => {
    const direct = await shop.direct()
    await client.query('begin')
    await client.query("update orders set status = 'packed' where id = 8")
    await client.query('commit')

    expect((await direct.query('select status from orders where id = 8')).rows[0].status).toBe('packed')
  })
})

describe('waiting for approval', () => {
  const change = (salary: number): string => `update employees set salary = ${salary} where id = 7`

  test('a held statement runs once its own request is approved, and not before', async () => {
    const approver = await shop.as('approver')
    const direct = await shop.direct()
    const [one, two] = [await opened.client(), await opened.client()]
    const notices: string[] = []
    one.on('notice', ({ message }) => notices.push(message ?? ''))
    const running = [one.query(change(61_000)), two.query(change(62_000))]
    const pending = await eventually(async () => {
      const { approvals } = await approver.api.call(listApprovals, { query: { state: 'pending' } })
      return approvals.length === 2 && approvals
    })
    const first = pending.find(({ sql }) => sql.includes('61000'))
    const second = pending.find(({ sql }) => sql.includes('62000'))
    await approver.api.call(voteApproval, { params: { id: second?.id ?? '' }, body: { vote: 'approve', reason: '' } })
    await running[1]

    expect((await direct.query('select salary from employees where id = 7')).rows[0].salary).toBe(62_000)
    expect(notices.join()).toContain(first?.id)

    await approver.api.call(voteApproval, {
      params: { id: first?.id ?? '' },
      body: { vote: 'reject', reason: 'not now' },
    })
    await expect(running[0]).rejects.toMatchObject({ code: '42501', message: expect.stringContaining('not now') })
    expect((await direct.query('select salary from employees where id = 7')).rows[0].salary).toBe(62_000)
  })

  test('nobody approves a request of their own', async () => {
    const developer = await shop.as('developer')
    const one = await opened.client()
    const running = one.query(change(63_000))
    running.catch(() => undefined)
    const pending = await eventually(async () => {
      const { approvals } = await developer.api.call(listApprovals, { query: { state: 'pending' } })
      return approvals[0]
    })

    const vote = developer.api.call(voteApproval, { params: { id: pending.id }, body: { vote: 'approve', reason: '' } })

    await expect(vote).rejects.toMatchObject({ code: 'ACTION_NOT_GRANTED', exit: 5 })
    await one.end()
    await eventually(async () => {
      const { approvals } = await developer.api.call(listApprovals, { query: { state: 'withdrawn' } })
      return approvals.some(({ id }) => id === pending.id)
    })
  })

  test('inside a transaction a statement does not wait: it is refused with the reason', async () => {
    await client.query('begin')
    await expect(client.query(change(64_000))).rejects.toMatchObject({
      code: '42501',
      message: expect.stringContaining('outside a transaction'),
    })
    await client.query('rollback')
  })
})

describe('the record', () => {
  test('tells who, why, what, verdict, rule, columns and rows, once each', async () => {
    await client.query('select id, email from customers where id in (11, 12)')
    const auditor = await shop.as('auditor')

    const record = await eventually(async () => {
      const { records } = await auditor.api.call(searchAudit, { query: { text: 'in (11, 12)' } })
      return records.length === 1 && records[0]?.finished ? records[0] : undefined
    })

    expect(record.started).toMatchObject({
      actor: { email: 'developer@shop.example' },
      reason: 'INC-4821',
      verdict: 'allowed',
      rules: [{ id: 'staff-reads', file: 'shop.cedar' }],
      masked: ['public.customers.email'],
    })
    expect(record.finished).toMatchObject({ outcome: 'completed', rowsReturned: 2 })
    expect(record.session).toMatchObject({ connection: 'prod-db', groups: ['developers'] })
  })

  test('people who are not auditors find their own records only', async () => {
    const approver = await shop.as('approver')
    const { records } = await approver.api.call(searchAudit, { query: {} })

    expect(records).toEqual([])
  })
})

async function countAll(direct: pg.Client): Promise<unknown> {
  const { rows } = await direct.query(
    'select (select count(*) from customers) c, (select count(*) from orders) o, (select count(*) from payments) p, (select count(*) from pg_class) k',
  )
  return rows[0]
}
