import type { CatalogRelation } from '../catalog/snapshot.ts'
import type { Draft } from './draft.ts'
import { isBounding, isPlainValue, readPredicate } from './predicate.ts'
import { relationScope, type Scope } from './scope.ts'
import { readTargets } from './select.ts'
import { byteOffset, isTree, list, strings, struct, type Tree, text, untag } from './tree.ts'
import { resolveTarget, walk } from './walk.ts'

/**
 * INSERT, UPDATE, DELETE and MERGE. Plain values written under plain conditions are proven; a value taken from a column, a
 * second relation or a subquery is not, because it can carry a classified value to a place nobody has classified.
 */

export function analyseInsert(draft: Draft, tag: string, fields: Tree): void {
  walk(draft, { [tag]: fields }, fields)
  const target = begin(draft, fields, (relation) => draft.effect('insert', draft.relation(relation), at(fields)))
  if (!target) return
  const source = untag(fields['selectStmt'])
  const rows = list(source.fields, 'valuesLists')
  if (
    isTree(fields['selectStmt']) &&
    (rows.length === 0 || Object.keys(source.fields).some((key) => !valuesOnly.has(key)))
  ) {
    draft.unproven('INSERT … SELECT')
  }
  for (const row of rows) for (const value of list(untag(row).fields, 'items')) readValue(draft, value)
  if (isTree(fields['onConflictClause'])) readConflict(draft, target.relation, struct(fields, 'onConflictClause'))
  if (isTree(fields['withClause'])) draft.unproven('WITH')
  readReturning(draft, target.scope, fields)
}

export function analyseUpdate(draft: Draft, tag: string, fields: Tree): void {
  walk(draft, { [tag]: fields }, fields)
  const target = begin(draft, fields, (relation) =>
    draft.effect('update', draft.relation(relation), { ...at(fields), bounded: isBounded(relation, fields) }),
  )
  if (!target) return
  if (list(fields, 'fromClause').length > 0) draft.unproven('UPDATE … FROM')
  for (const assignment of list(fields, 'targetList')) readValue(draft, untag(assignment).fields['val'])
  finishWrite(draft, target.scope, fields)
}

export function analyseDelete(draft: Draft, tag: string, fields: Tree): void {
  walk(draft, { [tag]: fields }, fields)
  const target = begin(draft, fields, (relation) =>
    draft.effect('delete', draft.relation(relation), { ...at(fields), bounded: isBounded(relation, fields) }),
  )
  if (!target) return
  if (list(fields, 'usingClause').length > 0) draft.unproven('DELETE … USING')
  finishWrite(draft, target.scope, fields)
}

export function analyseMerge(draft: Draft, tag: string, fields: Tree): void {
  walk(draft, { [tag]: fields }, fields)
  begin(draft, fields, (relation) => {
    const object = draft.relation(relation)
    draft.effect('insert', object, at(fields))
    draft.effect('update', object, { ...at(fields), bounded: false })
    draft.effect('delete', object, { ...at(fields), bounded: false })
  })
  draft.unproven('MERGE')
  readReturning(draft, { entries: [], merged: [] }, fields)
}

function finishWrite(draft: Draft, scope: Scope, fields: Tree): void {
  if (isTree(fields['withClause'])) draft.unproven('WITH')
  if (isTree(fields['whereClause'])) readPredicate(draft, scope, fields['whereClause'])
  readReturning(draft, scope, fields)
}

interface Target {
  readonly relation: CatalogRelation
  readonly scope: Scope
}

/** Resolves the target and notes what is done to it; undefined when that cannot be known. */
function begin(draft: Draft, fields: Tree, note: (relation: CatalogRelation) => void): Target | undefined {
  const rangeVar = struct(fields, 'relation')
  const relation = resolveTarget(draft, rangeVar)
  if (!relation) return undefined
  note(relation)
  const entry = relationScope(draft, rangeVar)
  return { relation, scope: { entries: entry ? [entry] : [], merged: [] } }
}

function readReturning(draft: Draft, scope: Scope, fields: Tree): void {
  const returning = struct(fields, 'returningClause')
  const targets = list(returning, 'exprs')
  if (targets.length === 0) return
  if (list(returning, 'options').length > 0) draft.unproven('RETURNING WITH')
  draft.outputs = readTargets(draft, scope, targets)
}

function readValue(draft: Draft, value: unknown): void {
  const { tag, fields } = untag(value)
  if (tag === 'MultiAssignRef') {
    const source = untag(fields['source'])
    if (source.tag !== 'RowExpr') return draft.unproven('assignment of a subquery')
    for (const each of list(source.fields, 'args')) readValue(draft, each)
    return
  }
  if (!isPlainValue(value)) draft.unproven(`a value that is computed (${tag})`, byteOffset(fields))
}

function readConflict(draft: Draft, relation: CatalogRelation, conflict: Tree): void {
  if (text(conflict, 'action') === 'ONCONFLICT_NOTHING') return
  draft.effect('update', draft.relation(relation), { bounded: true })
  draft.unproven('ON CONFLICT DO UPDATE')
}

function isBounded(relation: CatalogRelation, fields: Tree): boolean {
  return isBounding(fields['whereClause'], (column) => {
    const name = strings(list(column, 'fields')).at(-1)
    return relation.columns.find((each) => each.name === name)?.notNull ?? true
  })
}

function at(fields: Tree): { at: number } {
  return { at: byteOffset(struct(fields, 'relation')) }
}

const valuesOnly = new Set(['valuesLists', 'limitOption', 'op'])
