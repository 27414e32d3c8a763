/**
 * What the guard asks about a database, as simple queries with text results. Their rows go, in this order, to
 * `buildSnapshot`. Names inside are qualified: nothing on the search path can stand before them.
 */
export const catalogQueries: readonly string[] = [
  // 0: where we are
  `select pg_catalog.current_database(), current_user::pg_catalog.text,
     pg_catalog.current_setting('server_version_num'),
     pg_catalog.array_to_json(pg_catalog.current_schemas(true))::pg_catalog.text`,

  // 1: relations. A view's text is written by PostgreSQL for this very search path, so its names resolve the same way.
  `select c.oid, n.nspname, c.relname, c.relkind, c.relhasrules,
     exists (select from pg_catalog.pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal),
     case when c.relkind in ('v', 'm') and n.nspname not in ('pg_catalog', 'information_schema')
       then pg_catalog.pg_get_viewdef(c.oid) end
   from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and n.nspname !~ '^pg_(toast|temp)'`,

  // 2: columns
  `select a.attrelid, a.attname, a.attnum, a.atttypid, a.attnotnull
   from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace
   where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
     and n.nspname !~ '^pg_(toast|temp)'
   order by a.attrelid, a.attnum`,

  // 3: inheritance and partitions
  `select inhrelid, inhparent from pg_catalog.pg_inherits`,

  // 4: names that are not PostgreSQL's own, on the search path or in any other schema
  `select 'function', p.proname from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
   where n.nspname not in ('pg_catalog', 'information_schema')
   union select 'operator', o.oprname from pg_catalog.pg_operator o
     join pg_catalog.pg_namespace n on n.oid = o.oprnamespace where n.nspname <> 'pg_catalog'
   union select 'enum', t.typname from pg_catalog.pg_type t where t.typtype = 'e'
     and not exists (select from pg_catalog.pg_type o where o.typname = t.typname and o.typtype <> 'e')`,
]
