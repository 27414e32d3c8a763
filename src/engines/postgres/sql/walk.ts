import { resolveRelation } from '../catalog/resolve.ts'
import type { CatalogRelation } from '../catalog/snapshot.ts'
import { closedInformationViews, openSystemRelations } from '../catalog/system-relations-table.ts'
import type { Draft } from './draft.ts'
import { builtInTypes, vouchedFunctions } from './functions-table.ts'
import { maySet, mayShow } from './settings.ts'
import { byteOffset, constantText, flag, isTree, list, strings, struct, type Tree, text, untag } from './tree.ts'

/**
 * Visits every node under a query, whatever field it hangs in, so that nothing can hide: relations become effects, functions,
 * operators and casts must be PostgreSQL's own and vouched for, and a node or struct that is not in the tables below is
 * not understood. What the select and write analysers prove afterwards never adds a way past this.
 */

/** Nodes of queries and expressions whose meaning is covered by visiting what hangs below them. */
const knownNodes: ReadonlySet<string> = new Set(
  `A_ArrayExpr A_Const A_Expr A_Indices A_Indirection A_Star Alias BitString BoolExpr Boolean BooleanTest CaseExpr CaseWhen
CoalesceExpr CollateClause ColumnRef CommonTableExpr CTESearchClause CTECycleClause CurrentOfExpr DefElem DeleteStmt Float
FuncCall GroupingFunc GroupingSet IndexElem InferClause InsertStmt Integer IntoClause JoinExpr List LockingClause MergeStmt
MergeWhenClause MinMaxExpr MultiAssignRef NamedArgExpr NullTest OnConflictClause ParamRef RangeFunction RangeSubselect
RangeVar ResTarget ReturningClause RowExpr SelectStmt SetToDefault SortBy SQLValueFunction String SubLink TypeCast TypeName
UpdateStmt WindowDef WithClause`.split(/\s+/),
)

/** Fields that hold a struct without its tag, and what that struct is. */
const untagged: Readonly<Record<string, string>> = {
  relation: 'RangeVar',
  rel: 'RangeVar',
  withClause: 'WithClause',
  typeName: 'TypeName',
  alias: 'Alias',
  join_using_alias: 'Alias',
  over: 'WindowDef',
  intoClause: 'IntoClause',
  onConflictClause: 'OnConflictClause',
  infer: 'InferClause',
  returningClause: 'ReturningClause',
  larg: 'SelectStmt',
  rarg: 'SelectStmt',
  search_clause: 'CTESearchClause',
  cycle_clause: 'CTECycleClause',
}

/** Target of a write: its own analyser looks at it, so it is not read as a source. */
const writes: ReadonlySet<string> = new Set(['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'])

/** Walks one node and everything below it. `top`: the write whose own analyser notes what it does. */
export function walk(draft: Draft, node: unknown, top: Tree | null = null): void {
  const ctes = new Set<string>()
  collectNames(node, ctes)
  new Walker(draft, ctes, top).visit(node)
}

class Walker {
  readonly #draft: Draft
  readonly #ctes: ReadonlySet<string>
  readonly #top: Tree | null

  constructor(draft: Draft, ctes: ReadonlySet<string>, top: Tree | null) {
    this.#draft = draft
    this.#ctes = ctes
    this.#top = top
  }

  visit(value: unknown): void {
    if (Array.isArray(value)) {
      for (const each of value) this.visit(each)
      return
    }
    // An empty object stands for a null pointer in a list.
    if (!isTree(value) || Object.keys(value).length === 0) return
    const { tag, fields } = untag(value)
    if (tag === '') {
      this.#draft.unresolved('a construct without a name', 'this construct is not understood')
      return
    }
    this.#node(tag, fields)
  }

  #node(tag: string, fields: Tree): void {
    if (!knownNodes.has(tag)) {
      this.#draft.unresolved(tag, `${tag} is not understood`, byteOffset(fields))
      return
    }
    this.#meaning(tag, fields)
    // Nothing below these but constants and names.
    if (tag === 'A_Const' || tag === 'Alias' || tag === 'RangeVar' || tag === 'TypeName') return
    for (const [name, child] of Object.entries(fields)) {
      if (name === 'relation' && writes.has(tag)) continue
      const inner = untagged[name]
      if (inner && isTree(child) && untag(child).tag === '') this.#node(inner, child)
      else this.visit(child)
    }
  }

  #meaning(tag: string, fields: Tree): void {
    switch (tag) {
      case 'RangeVar':
        return this.#relation(fields)
      case 'FuncCall':
        return this.#function(fields)
      case 'A_Expr':
        return this.#operator(strings(list(fields, 'name')), byteOffset(fields))
      case 'SubLink':
      case 'SortBy': {
        const names = strings(list(fields, tag === 'SubLink' ? 'operName' : 'useOp'))
        return names.length > 0 ? this.#operator(names, byteOffset(fields)) : undefined
      }
      case 'TypeName':
        return this.#type(fields)
      case 'LockingClause':
        return this.#draft.effect('lock', { kind: 'relation', schema: '', name: 'rows', id: 0 })
      case 'IntoClause':
        return this.#draft.unresolved('SELECT INTO', 'SELECT INTO copies values to a place nobody has classified')
      case 'DeleteStmt':
      case 'UpdateStmt':
      case 'InsertStmt':
      case 'MergeStmt':
        return fields === this.#top ? undefined : this.#hiddenWrite(tag, fields)
      default:
    }
  }

  /** A write anywhere below the top: in a CTE. Its own analyser did not see it, so it counts as unbounded. */
  #hiddenWrite(tag: string, fields: Tree): void {
    const target = resolveTarget(this.#draft, struct(fields, 'relation'))
    if (!target) return
    this.#draft.unproven('a write inside a query', byteOffset(struct(fields, 'relation')))
    const object = this.#draft.relation(target)
    const classes = { InsertStmt: ['insert'], UpdateStmt: ['update'], DeleteStmt: ['delete'] }[tag]
    for (const effectClass of classes ?? ['insert', 'update', 'delete']) {
      this.#draft.effect(effectClass as 'insert', object, { bounded: effectClass === 'insert' })
    }
  }

  #relation(fields: Tree): void {
    const [schema, name] = [text(fields, 'schemaname'), text(fields, 'relname')]
    const at = byteOffset(fields)
    const database = text(fields, 'catalogname')
    if (database !== '' && database !== this.#draft.catalog.database) {
      this.#draft.unresolved(`database "${database}"`, 'another database cannot be reached from here', at)
      return
    }
    const relation = resolveRelation(this.#draft.catalog, schema, name)
    // A name that is also a WITH query may mean either: both are taken to be meant.
    if (schema === '' && this.#ctes.has(name) && !relation) return
    readRelation(this.#draft, relation, { shown: schema ? `${schema}.${name}` : name, at })
  }

  #function(fields: Tree): void {
    const names = strings(list(fields, 'funcname'))
    const name = names.at(-1) ?? ''
    const isBuiltIn = names.length === 1 ? !this.#draft.catalog.userFunctions.has(name) : names[0] === 'pg_catalog'
    const at = byteOffset(fields)
    if (isBuiltIn && names.length <= 2 && (vouchedFunctions.has(name) || isHarmlessSetting(name, fields))) return
    this.#draft.unresolved(`function ${name}`, `function "${names.join('.')}" is not known to be harmless`, at)
  }

  #operator(names: readonly string[], at: number): void {
    const name = names.at(-1) ?? ''
    if (names.length === 2 ? names[0] === 'pg_catalog' : !this.#draft.catalog.userOperators.has(name)) return
    this.#draft.unresolved(`operator ${name}`, `operator ${names.join('.')} is not PostgreSQL's own`, at)
  }

  #type(fields: Tree): void {
    const names = strings(list(fields, 'names'))
    const name = names.at(-1) ?? ''
    const isBuiltIn = builtInTypes.has(name) && (names.length === 1 || names[0] === 'pg_catalog')
    if (names.length === 0 || isBuiltIn || this.#draft.catalog.enums.has(name)) return
    this.#draft.unresolved(`type ${name}`, `type "${names.join('.')}" is not known to be harmless`, byteOffset(fields))
  }
}

/** The relation a write goes to; undefined, with the reason noted, when what it does there cannot be known. */
export function resolveTarget(draft: Draft, rangeVar: Tree): CatalogRelation | undefined {
  const [schema, name] = [text(rangeVar, 'schemaname'), text(rangeVar, 'relname')]
  const at = byteOffset(rangeVar)
  const relation = resolveRelation(draft.catalog, schema, name)
  if (!relation) {
    draft.missesNames = true
    draft.unresolved(`relation ${name}`, `relation "${name}" is not known`, at)
    return undefined
  }
  const isStored = relation.kind === 'table' || relation.kind === 'partitioned'
  const family = [relation.oid, ...(draft.catalog.children.get(relation.oid) ?? [])]
  const hasMore = family.some((oid) => {
    const member = draft.catalog.relationsByOid.get(oid)
    return member?.hasRules || member?.hasTriggers
  })
  if (isStored && !hasMore && !isSystem(relation)) return relation
  draft.unresolved(
    `write to ${name}`,
    `what a write to "${name}" does is not known: a view, rule or trigger decides`,
    at,
  )
  return undefined
}

function readRelation(draft: Draft, relation: CatalogRelation | undefined, name: { shown: string; at: number }): void {
  if (!relation) {
    draft.missesNames = true
    draft.unresolved(`relation ${name.shown}`, `relation "${name.shown}" is not known`, name.at)
    return
  }
  if (isSystem(relation) && !isOpenSystem(relation)) {
    draft.unresolved(
      `relation ${name.shown}`,
      `system relation "${name.shown}" can hold other people's values`,
      name.at,
    )
    return
  }
  if (relation.kind === 'foreign' || relation.hasRules) {
    draft.unresolved(`relation ${name.shown}`, `reading "${name.shown}" does something that is not known`, name.at)
    return
  }
  draft.effect('read', draft.relation(relation), { at: name.at })
  if (relation.definition !== null) draft.expand(relation)
}

function isSystem(relation: CatalogRelation): boolean {
  return relation.schema === 'pg_catalog' || relation.schema === 'information_schema'
}

function isOpenSystem(relation: CatalogRelation): boolean {
  return relation.schema === 'pg_catalog'
    ? openSystemRelations.has(relation.name)
    : !closedInformationViews.has(relation.name)
}

/** set_config and current_setting, where their words are constants that a client may set or read. */
function isHarmlessSetting(name: string, fields: Tree): boolean {
  const [setting, value] = list(fields, 'args').map(constantText)
  if (setting === undefined || flag(fields, 'func_variadic')) return false
  if (name === 'current_setting') return mayShow(setting)
  return name === 'set_config' && value !== undefined && maySet(setting, value)
}

/** Names of every WITH query anywhere below. */
function collectNames(value: unknown, names: Set<string>): void {
  if (Array.isArray(value)) {
    for (const each of value) collectNames(each, names)
    return
  }
  if (!isTree(value)) return
  const { tag, fields } = untag(value)
  if (tag === 'CommonTableExpr') names.add(text(fields, 'ctename'))
  for (const child of Object.values(value)) collectNames(child, names)
}
