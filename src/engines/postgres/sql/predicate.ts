import type { Draft } from './draft.ts'
import { resolveColumn, type Scope, sourcesOf } from './scope.ts'
import { byteOffset, isNullConstant, list, type Tree, text, untag } from './tree.ts'

/** Comparisons that are followed in a plain predicate. */
const comparisons: ReadonlySet<string> = new Set([
  'AEXPR_OP',
  'AEXPR_IN',
  'AEXPR_LIKE',
  'AEXPR_ILIKE',
  'AEXPR_BETWEEN',
  'AEXPR_NOT_BETWEEN',
  'AEXPR_OP_ANY',
  'AEXPR_DISTINCT',
  'AEXPR_NOT_DISTINCT',
])

/** Notes the columns a condition looks at. Whatever is not a plain comparison is noted as not proven. */
export function readPredicate(draft: Draft, scope: Scope, node: unknown): void {
  const { tag, fields } = untag(node)
  switch (tag) {
    case 'BoolExpr':
      for (const each of list(fields, 'args')) readPredicate(draft, scope, each)
      return
    case 'A_Expr': {
      const kind = text(fields, 'kind')
      if (!comparisons.has(kind)) return draft.unproven(kind, byteOffset(fields))
      readOperand(draft, scope, fields['lexpr'])
      return readOperand(draft, scope, fields['rexpr'])
    }
    case 'NullTest':
    case 'BooleanTest':
      return readOperand(draft, scope, fields['arg'])
    default:
      return readOperand(draft, scope, node)
  }
}

function readOperand(draft: Draft, scope: Scope, node: unknown): void {
  const { tag, fields } = untag(node)
  switch (tag) {
    case 'ColumnRef': {
      const column = resolveColumn(draft, scope, fields)
      if (!column) return
      if (column.label.kind === 'opaque') draft.unproven(column.label.reason, byteOffset(fields))
      for (const source of sourcesOf(column)) draft.filter(source)
      return
    }
    case 'List':
      for (const each of list(fields, 'items')) readOperand(draft, scope, each)
      return
    default:
      if (node !== undefined && !isPlainValue(node)) draft.unproven(tag, byteOffset(fields))
  }
}

/** A constant, a parameter, one of these cast to a type, or a function of nothing, such as now(). */
export function isPlainValue(node: unknown): boolean {
  const { tag, fields } = untag(node)
  if (tag === 'TypeCast') return isPlainValue(fields['arg'])
  if (tag === 'A_ArrayExpr') return list(fields, 'elements').every(isPlainValue)
  if (tag === 'FuncCall') return !('args' in fields || 'over' in fields || 'agg_star' in fields)
  return tag === 'A_Const' || tag === 'ParamRef' || tag === 'SetToDefault' || tag === 'SQLValueFunction'
}

/**
 * Whether a WHERE really restricts the rows of an UPDATE or DELETE: some condition that must hold compares a column with a
 * value. `true`, `1=1`, `id=id` and whatever cannot be read do not.
 */
export function isBounding(where: unknown, isNotNull: (column: Tree) => boolean): boolean {
  const { tag, fields } = untag(where)
  if (tag === 'BoolExpr') {
    const args = list(fields, 'args')
    const operator = text(fields, 'boolop')
    if (operator === 'AND_EXPR') return args.some((each) => isBounding(each, isNotNull))
    return operator === 'OR_EXPR' && args.length > 0 && args.every((each) => isBounding(each, isNotNull))
  }
  if (tag === 'NullTest') {
    const { tag: argument, fields: column } = untag(fields['arg'])
    if (argument !== 'ColumnRef') return false
    return text(fields, 'nulltesttype') === 'IS_NULL' || !isNotNull(column)
  }
  return tag === 'A_Expr' && isBoundingComparison(fields)
}

const bounding: ReadonlySet<string> = new Set(['=', '<', '<=', '>', '>=', '~~', '~~*', 'BETWEEN'])

function isBoundingComparison(fields: Tree): boolean {
  const kind = text(fields, 'kind')
  const operator = text(untag(list(fields, 'name')[0]).fields, 'sval')
  if (!bounding.has(operator) || !comparisons.has(kind) || kind === 'AEXPR_DISTINCT') return false
  const [left, right] = [untag(fields['lexpr']), untag(fields['rexpr'])]
  const values = right.tag === 'List' ? list(right.fields, 'items') : [fields['rexpr']]
  const isColumnWithValue = left.tag === 'ColumnRef' && values.every(isRestricting)
  return isColumnWithValue || (right.tag === 'ColumnRef' && left.tag !== 'ColumnRef' && isRestricting(fields['lexpr']))
}

/** A value that a column can be compared with; a pattern of nothing but `%` matches everything. */
function isRestricting(node: unknown): boolean {
  if (!isPlainValue(node) || isNullConstant(node)) return false
  const { tag, fields } = untag(node)
  const inner = fields['sval']
  const pattern = tag === 'A_Const' && typeof inner === 'object' && inner !== null ? text(inner as Tree, 'sval') : ''
  return !/^%+$/.test(pattern)
}
