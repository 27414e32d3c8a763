import type { Facts } from '../../engine.ts'
import type { CatalogRelation, CatalogSnapshot } from '../catalog/snapshot.ts'
import { Draft } from './draft.ts'
import { parseStatements, SqlSyntaxError } from './parser.ts'
import { analyseSelect } from './select.ts'
import { untag } from './tree.ts'
import { walk } from './walk.ts'

const maxDepth = 16

/** What is behind a view, by snapshot: the same view is read once. */
const known = new WeakMap<CatalogSnapshot, Map<number, Facts>>()
const underWay = new Set<number>()

/** What the query of a view does, and where its columns come from. */
export function factsBehind(catalog: CatalogSnapshot, view: CatalogRelation): Facts {
  const cache = known.get(catalog) ?? new Map<number, Facts>()
  known.set(catalog, cache)
  const cached = cache.get(view.oid)
  if (cached) return cached
  const draft = new Draft(catalog, { toPosition: () => 0, factsBehind })
  if (underWay.has(view.oid) || underWay.size >= maxDepth) {
    draft.unresolved(`view ${view.name}`, 'views are nested too deeply')
    return draft.finish('SELECT')
  }
  underWay.add(view.oid)
  try {
    readDefinition(draft, view.definition ?? '')
  } finally {
    underWay.delete(view.oid)
  }
  const facts = draft.finish('SELECT')
  cache.set(view.oid, facts)
  return facts
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
