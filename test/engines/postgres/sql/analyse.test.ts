import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LocalPostgres, startLocalPostgres } from '../../../../src/demo/local-postgres.ts'
import { seedShop } from '../../../../src/demo/seed-shop.ts'
import type { Facts, OutputColumn } from '../../../../src/engines/engine.ts'
import type { CatalogSnapshot } from '../../../../src/engines/postgres/catalog/snapshot.ts'
import { analyse } from '../../../../src/engines/postgres/sql/analyse.ts'
import { loadParser } from '../../../../src/engines/postgres/sql/parser.ts'
import { readSnapshot, superuser } from '../../../support/shop-catalog.ts'

/** Facts against a real catalog, and lineage against what PostgreSQL itself says. */
let postgres: LocalPostgres
let client: pg.Client
let catalog: CatalogSnapshot

beforeAll(async () => {
  await loadParser()
  postgres = await startLocalPostgres()
  await seedShop(postgres)
  client = await superuser(postgres, 'shop')
  await client.query(`
    create table events (id int not null, at date not null, email text) partition by range (at);
    create table events_2025 partition of events for values from ('2025-01-01') to ('2026-01-01');
    create view recent as select id, email from customers where id < 10;
    create view loud as select upper(email) as email from customers;
    create table guarded (id int); create function noop() returns trigger language plpgsql as 'begin return new; end';
    create trigger t before insert on guarded for each row execute function noop();
    create function public.shout(text) returns text language sql immutable as 'select upper($1)';
    create function public.lower(varchar) returns text language sql immutable as 'select $1::text';
    create domain public.picky as text check (value <> '')`)
  catalog = await readSnapshot(client)
})

afterAll(async () => {
  await client?.end()
  await postgres?.stop()
})

function factsOf(sql: string): Facts {
  const analysis = analyse(sql, catalog)
  if (analysis.kind === 'syntax') throw new Error(analysis.problem.message)
  const [only] = analysis.statements
  if (!only || analysis.statements.length !== 1) throw new Error('not one statement')
  return only.facts
}

const effectsOf = (sql: string): string[] =>
  factsOf(sql).effects.map((effect) => `${effect.class}${effect.bounded ? '' : ' unbounded'} ${effect.object.name}`)

describe('what is proven', () => {
  test.each([
    'select email from customers',
    'select * from customers',
    'select c.*, o.id from customers c join orders o on o.customer_id = c.id',
    'select c.email, o.total from customers c, orders o where c.id = o.customer_id and o.id = 3',
    'select id as email, email as id from customers order by 1 limit 5 offset 2',
    'select public.customers.email from public.customers',
    'select x.a, x.b from customers as x(a, b)',
    'select customer_email, id from order_summary',
    'select email from recent where id = 2',
    "select count(*), 1, 'x'::text, now(), $1::int from customers",
    'select o.id, p.id from orders o join payments p on p.order_id = o.id',
    'select email from events',
    'table customers',
  ])('%s: PostgreSQL names the same origin for every column', async (sql) => {
    const outputs = factsOf(sql).outputs as readonly OutputColumn[]
    const described = await client
      .query({ text: `select * from (${sql.replace(/\$1/g, '1')}) _ limit 0`, rowMode: 'array' })
      .catch(() => null)
    const direct = await client.query(sql.includes('$1') ? { text: sql, values: [1] } : sql)

    expect(described).not.toBeUndefined()
    expect(outputs.map(({ origin }) => origin ?? { relationId: 0, attribute: 0 })).toEqual(
      direct.fields.map(({ tableID, columnID }) => ({ relationId: tableID, attribute: columnID })),
    )
  })

  test('a column of a partition is kin of the column of its parent', () => {
    const [output] = factsOf('select email from events_2025').outputs as readonly OutputColumn[]

    expect(output?.label).toMatchObject({
      source: { table: 'events_2025', kin: [{ table: 'events', column: 'email' }] },
    })
  })

  test('predicates, joins and orders are filters', () => {
    const { filters } = factsOf(
      'select o.id from orders o join customers c on c.id = o.customer_id where c.city = $1 order by o.total',
    )

    expect(filters.map(({ table, column }) => `${table}.${column}`).sort()).toEqual([
      'customers.city',
      'customers.id',
      'orders.customer_id',
      'orders.total',
    ])
  })

  test('every base column of a generated query is among those PostgreSQL records for a view of it', async () => {
    const columns = ['id', 'name', 'email', 'city', 'birth_date']
    const pick = fc.subarray(columns, { minLength: 1 })
    await fc.assert(
      fc.asyncProperty(
        pick,
        fc.constantFrom(...columns),
        fc.constantFrom(...columns),
        async (shown, filtered, sorted) => {
          const sql = `select ${shown.map((name) => `c.${name}`).join(', ')} from customers c join orders o on o.customer_id = c.id where c.${filtered} is not null order by c.${sorted}`
          const facts = factsOf(sql)
          await client.query('begin')
          await client.query(`create temp view probe as ${sql}`)
          const { rows } = await client.query(`
          select distinct c.relname || '.' || a.attname as name
          from pg_depend d join pg_rewrite r on r.oid = d.objid join pg_class c on c.oid = d.refobjid
            join pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid
          where r.ev_class = 'probe'::regclass and d.refobjsubid > 0`)
          await client.query('rollback')
          const ours = new Set(facts.columns.map(({ table, column }) => `${table}.${column}`))

          for (const { name } of rows as { name: string }[]) expect(ours).toContain(name)
        },
      ),
      { numRuns: 25 },
    )
  })
})

describe('what is not proven is named', () => {
  test.each([
    ['select upper(email) from customers', 'function upper'],
    ["select email || 'x' from customers", 'A_Expr'],
    ['select email::varchar(3) from customers', 'TypeCast'],
    ['select case when true then email end from customers', 'CaseExpr'],
    ['select coalesce(email, name) from customers', 'CoalesceExpr'],
    ['select greatest(email, name) from customers', 'MinMaxExpr'],
    ['select array[email] from customers', 'A_ArrayExpr'],
    ['select row(email) from customers', 'RowExpr'],
    ['select email collate "C" from customers', 'CollateClause'],
    ["select profile -> 'contact' from customers", 'A_Expr'],
    ['select (array[email])[1] from customers', 'A_Indirection'],
    ['select (select email from customers limit 1)', 'SubLink'],
    ['select exists (select 1 from customers)', 'SubLink'],
    ['select c from customers c', 'whole row "c"'],
    ['select (c).email from customers c', 'A_Indirection'],
    ['select ctid from customers', 'system column "ctid"'],
    ['select min(email) from customers', 'function min'],
    ['select count(email) from customers', 'function count'],
    ['select count(*) filter (where id = 1) from customers', 'function count'],
    ['select count(*) over () from customers', 'function count'],
    ['select email is null from customers', 'NullTest'],
    ['select id = 1 and true from customers', 'BoolExpr'],
    ['select distinct email from customers', 'DISTINCT'],
    ['select city from customers group by city', 'GROUP BY'],
    ['select count(*) from customers having true', 'HAVING'],
    ['select email from customers union select city from customers', 'UNION, INTERSECT and EXCEPT'],
    ['with c as (select email from customers) select * from c', 'WITH'],
    ['select * from (select email from customers) s', 'RangeSubselect'],
    ['select email from customers left join orders on true', 'LEFT JOIN'],
    ['select id from customers natural join orders', 'a join that is NATURAL or has an alias'],
    ['select a.email from customers a, lateral (select 1) b', 'RangeSubselect'],
    ['select * from generate_series(1, 2)', 'RangeFunction'],
    ['select id from customers where length(email) > 3', 'FuncCall'],
    ['select id from customers where email in (select email from employees)', 'SubLink'],
    ['select id from customers order by length(email)', 'ORDER BY an expression'],
    ['select id from customers limit (select 1)', 'LIMIT and OFFSET other than a value'],
    ['select id from customers order by id fetch first 1 row with ties', 'WITH TIES'],
    ['values (1)', 'VALUES'],
    ['select email from loud', 'view "loud" (function upper)'],
    ['insert into orders select * from orders', 'INSERT … SELECT'],
    ['update customers set city = email where id = 1', 'a value that is computed (ColumnRef)'],
    ['update customers set city = e.name from employees e where customers.id = 1', 'UPDATE … FROM'],
    ['delete from orders using customers where orders.id = 1', 'DELETE … USING'],
    ['explain select 1', 'EXPLAIN'],
    ['merge into orders o using customers c on c.id = o.id when matched then delete', 'MERGE'],
    ['insert into orders values (1) on conflict (id) do update set total = 1', 'ON CONFLICT DO UPDATE'],
  ])('%s', (sql, what) => {
    const facts = factsOf(sql)

    expect(facts.unproven.map((finding) => finding.what)).toContain(what)
    expect(facts.outputs).not.toBeInstanceOf(Array)
  })
})

describe('what is not understood is refused', () => {
  test.each([
    ['select nope from customers', 'column nope'],
    ['select id from customers, orders', 'column id'],
    ['select * from nowhere', 'relation nowhere'],
    ['select * from other.customers', 'relation other.customers'],
    ['select * from pg_stats', 'relation pg_stats'],
    ['select * from pg_authid', 'relation pg_authid'],
    ['select query from pg_stat_activity', 'relation pg_stat_activity'],
    ["select query_to_xml('select 1', true, true, '')", 'function query_to_xml'],
    ["select pg_read_file('/etc/passwd')", 'function pg_read_file'],
    ["select dblink('a', 'b')", 'function dblink'],
    ['select pg_sleep(1)', 'function pg_sleep'],
    ["select lo_import('/etc/passwd')", 'function lo_import'],
    ["select shout('a')", 'function shout'],
    ["select lower('a')", 'function lower'],
    ["select 'a'::picky", 'type picky'],
    ["select set_config('search_path', 'x', false)", 'function set_config'],
    ["select nextval('s')", 'function nextval'],
    ['select xmlforest(id) from customers', 'XmlExpr'],
    ["select json_object('a': 1)", 'JsonObjectConstructor'],
    ['select * from customers tablesample system (1)', 'RangeTableSample'],
    ['select id into copied from orders', 'SELECT INTO'],
    ['insert into guarded values (1)', 'write to guarded'],
    ['delete from recent where id = 1', 'write to recent'],
    ['do $$ begin end $$', 'DO'],
    ['call p()', 'CALL'],
    ['set role postgres', 'setting role'],
    ['set search_path to x', 'setting search_path'],
    ["set client_encoding to 'SJIS'", 'setting client_encoding'],
    ['set standard_conforming_strings to off', 'setting standard_conforming_strings'],
    ['begin read write', 'transaction mode transaction_read_only'],
    ["copy customers to program 'cat'", 'COPY with a file or program'],
    ["copy customers from '/etc/passwd'", 'COPY with a file or program'],
    ['create temp table t (id int)', 'a temporary relation'],
    ["load 'plpgsql'", 'LoadStmt'],
    ['alter system set work_mem = 1', 'AlterSystemStmt'],
    ["prepare transaction 'x'", 'a two-phase transaction'],
    ['create function f() returns int language sql as $$ select 1 $$', 'CreateFunctionStmt'],
    ['create extension dblink', 'CreateExtensionStmt'],
    ['security label on table orders is null', 'SecLabelStmt'],
    ['create event trigger e on ddl_command_end execute function noop()', 'CreateEventTrigStmt'],
  ])('%s', (sql, what) => {
    expect(factsOf(sql).unresolved.map((finding) => finding.what)).toContain(what)
  })

  test.each([
    ['a NUL', 'select 1\0; drop table orders'],
    ['a text that does not parse', 'selec 1'],
    ['nesting that exhausts the parser', `select ${'('.repeat(20_000)}1${')'.repeat(20_000)}`],
    ['a text that is too long', `select '${'x'.repeat(1_100_000)}'`],
  ])('%s is a syntax problem', (_what, sql) => {
    expect(analyse(sql, catalog).kind).toBe('syntax')
  })

  test('whatever comes in, facts or a syntax problem come out', () => {
    const word = fc.constantFrom(
      'select',
      'from',
      'customers',
      '*',
      '(',
      ')',
      ',',
      "'",
      '"',
      ';',
      '--',
      '$$',
      'with',
      'delete',
      'email',
      '\\',
      '/*',
      'é',
      '\u0000',
    )
    fc.assert(
      fc.property(fc.array(word, { maxLength: 14 }), (words) => {
        expect(['statements', 'syntax']).toContain(analyse(words.join(' '), catalog).kind)
      }),
      { numRuns: 500 },
    )
  })
})

describe('effects', () => {
  test.each([
    ['delete from orders', ['delete unbounded orders']],
    ['delete from orders where true', ['delete unbounded orders']],
    ['delete from orders where 1 = 1', ['delete unbounded orders']],
    ['delete from orders where id = id', ['delete unbounded orders']],
    ['delete from orders where id is not null', ['delete unbounded orders']],
    ['delete from orders where id = 3 or true', ['delete unbounded orders']],
    ["delete from orders where status::text like '%'", ['delete unbounded orders']],
    ['delete from orders where exists (select 1)', ['delete unbounded orders']],
    ['delete from orders where not id = 3', ['delete unbounded orders']],
    ['delete from orders where id = null', ['delete unbounded orders']],
    ['delete from orders where id = 3', ['delete orders']],
    ['delete from orders where id in (3, 4) and true', ['delete orders']],
    ['delete from orders where id = 3 or id between 5 and 7', ['delete orders']],
    ['delete from orders where 3 = id', ['delete orders']],
    ['delete from customers where notes is not null', ['delete customers']],
    ['update orders set total = 1', ['update unbounded orders']],
    ['with gone as (delete from orders where id = 3) select 1', ['delete unbounded orders']],
    ['explain analyze delete from orders', ['delete unbounded orders', 'explain session']],
    ['prepare p as delete from orders', ['delete unbounded orders', 'prepare p']],
    ['copy (delete from orders returning id) to stdout', ['delete unbounded orders', 'copy-out session']],
    ['truncate orders, payments', ['truncate orders', 'truncate payments']],
    ['drop table orders cascade', ['drop orders']],
    ['grant select on orders to public', ['grant privileges']],
    ['lock table orders', ['lock orders']],
    ['select * from orders for update', ['read orders', 'lock rows']],
    ['vacuum full orders', ['maintenance session']],
  ])('%s', (sql, effects) => {
    const found = effectsOf(sql)

    for (const effect of effects.filter((each) => !each.startsWith('maintenance'))) expect(found).toContain(effect)
  })

  test('of a name that is both a WITH query and a table, both are taken to be meant', () => {
    expect(effectsOf('with orders as (select id from orders) select * from orders')).toContain('read orders')
  })

  test('positions count characters, not bytes', () => {
    expect(factsOf("select 'é', nope from customers").unresolved[0]?.position).toBe(13)
  })
})
