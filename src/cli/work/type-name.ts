import pg from 'pg'

/** Names of PostgreSQL's own types by their numbers; the number itself for every other one. */
export function typeName(oid: number): string {
  return names.get(oid) ?? String(oid)
}

const names = new Map(Object.entries(pg.types.builtins).map(([name, oid]) => [Number(oid), name.toLowerCase()]))
