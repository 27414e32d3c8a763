import type { ColumnName, ColumnRef } from '../../engine.ts'
import type { CatalogColumn, CatalogRelation, CatalogSnapshot } from './snapshot.ts'

/** The relation a name means: in its schema when one is given, else the first on the search path (manual §5.10.3). */
export function resolveRelation(snapshot: CatalogSnapshot, schema: string, name: string): CatalogRelation | undefined {
  if (schema !== '') return snapshot.relations.get(schema)?.get(name)
  for (const candidate of snapshot.searchPath) {
    const found = snapshot.relations.get(candidate)?.get(name)
    if (found) return found
  }
  return undefined
}

/** A column with its identity and its kin. */
export function columnRef(snapshot: CatalogSnapshot, relation: CatalogRelation, column: CatalogColumn): ColumnRef {
  return {
    schema: relation.schema,
    table: relation.name,
    column: column.name,
    relationId: relation.oid,
    attribute: column.attribute,
    kin: kinOf(snapshot, relation, column.name),
  }
}

/** Every relation whose rows can appear in `relation`, and every one its rows can appear in, by oid. */
export function treeOf(snapshot: CatalogSnapshot, relation: CatalogRelation): ReadonlySet<number> {
  const seen = new Set<number>()
  const climb = (oid: number, next: (oid: number) => readonly number[]): void => {
    if (oid !== relation.oid && seen.has(oid)) return
    seen.add(oid)
    for (const other of next(oid)) climb(other, next)
  }
  climb(relation.oid, (oid) => snapshot.relationsByOid.get(oid)?.parents ?? [])
  climb(relation.oid, (oid) => snapshot.children.get(oid) ?? [])
  seen.delete(relation.oid)
  return seen
}

function kinOf(snapshot: CatalogSnapshot, relation: CatalogRelation, column: string): ColumnName[] {
  return [...treeOf(snapshot, relation)].flatMap((oid) => {
    const other = snapshot.relationsByOid.get(oid)
    const hasIt = other?.columns.some(({ name }) => name === column)
    return other && hasIt ? [{ schema: other.schema, table: other.name, column }] : []
  })
}
