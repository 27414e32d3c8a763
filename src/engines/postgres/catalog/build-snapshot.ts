import type { CatalogColumn, CatalogRelation, CatalogSnapshot } from './snapshot.ts'

type Row = readonly (string | null)[]

const kinds: Readonly<Record<string, CatalogRelation['kind']>> = {
  r: 'table',
  p: 'partitioned',
  v: 'view',
  m: 'materialized',
  f: 'foreign',
  S: 'sequence',
}

/** The snapshot that the rows of `catalogQueries` describe. Rows of a query that failed are an empty list. */
export function buildSnapshot(results: readonly (readonly Row[])[], epoch: string): CatalogSnapshot {
  const [where = [], relationRows = [], columnRows = [], inheritance = [], names = []] = results
  const columns = groupColumns(columnRows)
  const parents = group(inheritance, 0, 1)
  const relationsByOid = new Map<number, CatalogRelation>()
  const relations = new Map<string, Map<string, CatalogRelation>>()
  for (const row of relationRows) {
    const relation = readRelation(row, columns, parents)
    relationsByOid.set(relation.oid, relation)
    const schema = relations.get(relation.schema) ?? new Map<string, CatalogRelation>()
    relations.set(relation.schema, schema.set(relation.name, relation))
  }
  const [place = []] = where
  const named = (kind: string): ReadonlySet<string> =>
    new Set(names.flatMap((row) => (row[0] === kind ? [text(row, 1)] : [])))
  return {
    epoch,
    database: text(place, 0),
    role: text(place, 1),
    serverVersion: Number(text(place, 2)),
    searchPath: JSON.parse(text(place, 3) || '[]') as string[],
    relations,
    relationsByOid,
    children: group(inheritance, 1, 0),
    userFunctions: named('function'),
    userOperators: named('operator'),
    enums: named('enum'),
  }
}

function readRelation(
  row: Row,
  columns: ReadonlyMap<number, readonly CatalogColumn[]>,
  parents: ReadonlyMap<number, readonly number[]>,
): CatalogRelation {
  const oid = Number(text(row, 0))
  const kind = kinds[text(row, 3)] ?? 'other'
  return {
    oid,
    schema: text(row, 1),
    name: text(row, 2),
    kind,
    columns: columns.get(oid) ?? [],
    parents: parents.get(oid) ?? [],
    // A view is a rule itself; what counts is a rule on something that stores rows.
    hasRules: text(row, 4) === 't' && kind !== 'view' && kind !== 'materialized',
    hasTriggers: text(row, 5) === 't',
    definition: row[6] ?? null,
  }
}

function groupColumns(rows: readonly Row[]): ReadonlyMap<number, readonly CatalogColumn[]> {
  const grouped = new Map<number, CatalogColumn[]>()
  for (const row of rows) {
    const relation = Number(text(row, 0))
    const list = grouped.get(relation) ?? []
    list.push({
      name: text(row, 1),
      attribute: Number(text(row, 2)),
      typeOid: Number(text(row, 3)),
      notNull: text(row, 4) === 't',
    })
    grouped.set(relation, list)
  }
  return grouped
}

function group(rows: readonly Row[], key: number, value: number): ReadonlyMap<number, readonly number[]> {
  const grouped = new Map<number, number[]>()
  for (const row of rows) {
    const list = grouped.get(Number(text(row, key))) ?? []
    list.push(Number(text(row, value)))
    grouped.set(Number(text(row, key)), list)
  }
  return grouped
}

function text(row: Row, at: number): string {
  return row[at] ?? ''
}
