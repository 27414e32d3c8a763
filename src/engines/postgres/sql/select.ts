import type { OutputColumn } from '../../engine.ts'
import type { Draft } from './draft.ts'
import { isPlainValue, readPredicate } from './predicate.ts'
import { expandStar, relationScope, resolveColumn, type Scope, type ScopeEntry, sourcesOf } from './scope.ts'
import { byteOffset, constantText, flag, isTree, list, strings, type Tree, text, untag } from './tree.ts'

/**
 * Lineage of the plain SELECT: columns of tables and of views over them, inner joins, comparisons, count(*), constants,
 * ORDER BY a column, LIMIT a value. Everything else is noted as not proven, by name, and has no outputs to speak of.
 */

/** Fields of a SelectStmt that are followed. Any other one present is named as what is not. */
const followed: ReadonlySet<string> = new Set([
  'targetList',
  'fromClause',
  'whereClause',
  'sortClause',
  'limitCount',
  'limitOffset',
  'limitOption',
  'op',
  'lockingClause',
])

/** Words for the fields that are not. */
const words: Readonly<Record<string, string>> = {
  withClause: 'WITH',
  distinctClause: 'DISTINCT',
  groupClause: 'GROUP BY',
  havingClause: 'HAVING',
  windowClause: 'WINDOW',
  valuesLists: 'VALUES',
  larg: 'UNION, INTERSECT and EXCEPT',
}

export function analyseSelect(draft: Draft, select: Tree): readonly OutputColumn[] | 'unproven' {
  for (const field of Object.keys(select)) {
    if (!followed.has(field)) draft.unproven(words[field] ?? field)
  }
  if (text(select, 'limitOption') === 'LIMIT_OPTION_WITH_TIES') draft.unproven('WITH TIES')
  if (!draft.isProven) return 'unproven'
  const scope = readFrom(draft, list(select, 'fromClause'))
  // Without the whole scope a name that is not found says nothing.
  if (!draft.isProven) return 'unproven'
  if (isTree(select['whereClause'])) readPredicate(draft, scope, select['whereClause'])
  const outputs = readTargets(draft, scope, list(select, 'targetList'))
  if (!draft.isProven) return 'unproven'
  for (const sort of list(select, 'sortClause')) readSort(draft, scope, outputs, untag(sort).fields)
  for (const limit of [select['limitCount'], select['limitOffset']]) {
    if (limit !== undefined && !isPlainValue(limit)) draft.unproven('LIMIT and OFFSET other than a value')
  }
  return draft.isProven ? outputs : 'unproven'
}

/** The outputs of RETURNING, in the scope of the table written to. */
export function readTargets(draft: Draft, scope: Scope, targets: readonly unknown[]): readonly OutputColumn[] {
  return targets.flatMap((target) => {
    const { fields } = untag(target)
    const outputs = readTarget(draft, scope, fields['val'])
    const name = text(fields, 'name')
    return name === '' ? outputs : outputs.map((output) => ({ ...output, name }))
  })
}

function readTarget(draft: Draft, scope: Scope, value: unknown): readonly OutputColumn[] {
  const { tag, fields } = untag(value)
  if (tag === 'ColumnRef') return readColumns(draft, scope, fields)
  if (isPlainValue(value)) return [{ name: '?column?', label: { kind: 'clean' }, origin: null }]
  if (tag === 'FuncCall' && isCountOfRows(fields)) return [{ name: 'count', label: { kind: 'clean' }, origin: null }]
  draft.unproven(
    tag === 'FuncCall' ? `function ${strings(list(fields, 'funcname')).join('.')}` : tag,
    byteOffset(fields),
  )
  return []
}

function readColumns(draft: Draft, scope: Scope, fields: Tree): readonly OutputColumn[] {
  const parts = list(fields, 'fields')
  if (untag(parts.at(-1)).tag !== 'A_Star') {
    const column = resolveColumn(draft, scope, fields)
    return column ? [noted(draft, column, byteOffset(fields))] : []
  }
  const columns = expandStar(scope, strings(parts.slice(0, -1)))
  if (!columns) {
    draft.unresolved('*', 'what this star stands for is not known', byteOffset(fields))
    return []
  }
  return columns.map((column) => noted(draft, column, byteOffset(fields)))
}

function noted(draft: Draft, column: OutputColumn, at: number): OutputColumn {
  for (const source of sourcesOf(column)) draft.column(source)
  if (column.label.kind === 'opaque') draft.unproven(column.label.reason, at)
  return column
}

/** count(*), and nothing that looks like it: no FILTER, OVER, DISTINCT or arguments. */
function isCountOfRows(fields: Tree): boolean {
  const allowed = new Set(['funcname', 'agg_star', 'funcformat', 'location'])
  const names = strings(list(fields, 'funcname'))
  const isCount = names.at(-1) === 'count' && (names.length === 1 || names[0] === 'pg_catalog')
  return isCount && flag(fields, 'agg_star') && Object.keys(fields).every((field) => allowed.has(field))
}

function readFrom(draft: Draft, from: readonly unknown[]): Scope {
  const merged: string[] = []
  const entries = from.flatMap((item) => readFromItem(draft, item, merged))
  const names = entries.map(({ alias }) => alias)
  if (new Set(names).size < names.length) draft.unproven('two relations of one name')
  if (merged.length > 0 && entries.length !== 2) draft.unproven('USING with more than two relations')
  return { entries, merged }
}

function readFromItem(draft: Draft, item: unknown, merged: string[]): readonly ScopeEntry[] {
  const { tag, fields } = untag(item)
  if (tag === 'RangeVar') {
    const entry = relationScope(draft, fields)
    if (entry) return [entry]
    draft.unproven(`relation "${text(fields, 'relname')}"`, byteOffset(fields))
    return []
  }
  if (tag !== 'JoinExpr') {
    draft.unproven(tag, byteOffset(fields))
    return []
  }
  return readJoin(draft, fields, merged)
}

function readJoin(draft: Draft, join: Tree, merged: string[]): readonly ScopeEntry[] {
  const type = text(join, 'jointype')
  if (type !== 'JOIN_INNER' || flag(join, 'isNatural') || isTree(join['alias']) || isTree(join['join_using_alias'])) {
    draft.unproven(type === 'JOIN_INNER' ? 'a join that is NATURAL or has an alias' : `${type.slice(5)} JOIN`)
    return []
  }
  const entries = [...readFromItem(draft, join['larg'], merged), ...readFromItem(draft, join['rarg'], merged)]
  if (isTree(join['quals'])) readPredicate(draft, { entries, merged }, join['quals'])
  for (const name of strings(list(join, 'usingClause'))) readUsing(draft, entries, name, merged)
  return entries
}

/** Of a column two sides share, an inner join shows the left one; both decide which rows appear. */
function readUsing(draft: Draft, entries: readonly ScopeEntry[], name: string, merged: string[]): void {
  const columns = entries.flatMap((entry) => entry.columns.filter((column) => column.name === name))
  if (columns.length !== 2 || merged.includes(name)) {
    draft.unproven('USING over more than two relations')
    return
  }
  for (const column of columns) {
    if (column.label.kind === 'opaque') draft.unproven(column.label.reason)
    for (const source of sourcesOf(column)) draft.filter(source)
  }
  merged.push(name)
}

/** ORDER BY a position, an output's name or a column: whatever it may mean is taken to be meant. */
function readSort(draft: Draft, scope: Scope, outputs: readonly OutputColumn[], sort: Tree): void {
  const { tag, fields } = untag(sort['node'])
  if (list(sort, 'useOp').length > 0) return draft.unproven('ORDER BY … USING')
  if (tag === 'A_Const') {
    const output = outputs[Number(constantText(sort['node'])) - 1]
    for (const source of output ? sourcesOf(output) : []) draft.filter(source)
    return
  }
  if (tag !== 'ColumnRef') return draft.unproven('ORDER BY an expression', byteOffset(fields))
  const parts = strings(list(fields, 'fields'))
  const named = parts.length === 1 ? outputs.filter(({ name }) => name === parts[0]) : []
  for (const output of named) for (const source of sourcesOf(output)) draft.filter(source)
  if (named.length === 0) readPredicate(draft, scope, sort['node'])
}
