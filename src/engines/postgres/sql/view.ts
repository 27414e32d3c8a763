import type { ColumnRef, Label, OutputColumn } from '../../engine.ts'
import { columnRef } from '../catalog/resolve.ts'
import type { CatalogRelation, CatalogSnapshot } from '../catalog/snapshot.ts'
import { Draft } from './draft.ts'
import { parseStatements, SqlSyntaxError } from './parser.ts'
import { analyseSelect } from './select.ts'
import { untag } from './tree.ts'
import { walk } from './walk.ts'

const maxDepth = 16

/** What is behind a view, by snapshot: the same view is read once. */
const known = new WeakMap<CatalogSnapshot, Map<number, Draft>>()
const underWay = new Set<number>()

/** Takes over what a view reads: its relations are in scope, and what it does not prove is not proven here either. */
export function expandView(draft: Draft, view: CatalogRelation): void {
  const inner = behind(draft.catalog, view).finish('SELECT')
  // A view of ordinary rights may use functions we do not vouch for: then nothing is known of it.
  for (const relation of inner.relations) {
    const found = draft.catalog.relationsByOid.get(relation.id)
    if (found) draft.relation(found)
  }
  for (const { what, why } of inner.unresolved)
    draft.unresolved(`view ${view.name}: ${what}`, `behind view "${view.name}", ${why}`)
  for (const { what } of inner.unproven) draft.unproven(`view "${view.name}" (${what})`)
  for (const column of inner.filters) draft.filter(column)
}

/** Columns of a relation as a query sees them: of a view, with the labels of what is behind it. */
export function columnsOf(catalog: CatalogSnapshot, relation: CatalogRelation): readonly OutputColumn[] {
  const outputs = relation.definition === null ? null : behind(catalog, relation).finish('SELECT').outputs
  return relation.columns.map((column, at): OutputColumn => {
    const own: ColumnRef = columnRef(catalog, relation, column)
    return {
      name: column.name,
      label: relation.definition === null ? { kind: 'copy', source: own } : labelAt(outputs, at),
      origin: { relationId: relation.oid, attribute: column.attribute },
    }
  })
}

function labelAt(outputs: readonly OutputColumn[] | 'unproven' | null, at: number): Label {
  const label = Array.isArray(outputs) ? (outputs as readonly OutputColumn[])[at]?.label : undefined
  return label ?? { kind: 'opaque', reason: 'a view whose columns are not proven' }
}

function behind(catalog: CatalogSnapshot, view: CatalogRelation): Draft {
  const cache = known.get(catalog) ?? new Map<number, Draft>()
  known.set(catalog, cache)
  const cached = cache.get(view.oid)
  if (cached) return cached
  const draft = new Draft(catalog, () => 0)
  if (underWay.has(view.oid) || underWay.size >= maxDepth) {
    draft.unresolved(`view ${view.name}`, 'views are nested too deeply')
    return draft
  }
  underWay.add(view.oid)
  try {
    readDefinition(draft, view.definition ?? '')
  } finally {
    underWay.delete(view.oid)
  }
  cache.set(view.oid, draft)
  return draft
}

function readDefinition(draft: Draft, definition: string): void {
  try {
    const [only] = parseStatements(definition)
    const { tag, fields } = untag(only?.stmt)
    if (tag !== 'SelectStmt') throw new SqlSyntaxError('a view is not a SELECT', 0)
    walk(draft, only?.stmt)
    draft.outputs = analyseSelect(draft, fields)
  } catch (error) {
    if (!(error instanceof SqlSyntaxError)) throw error
    draft.unresolved('a view', 'its definition is not understood')
  }
}
