import type { EffectClass, Facts, ObjectRef, TransactionMove } from '../../engine.ts'
import { resolveRelation } from '../catalog/resolve.ts'
import { type Draft, sessionObject } from './draft.ts'
import { relationScope } from './scope.ts'
import { maySet, mayShow } from './settings.ts'
import { byteOffset, constantText, flag, isTree, list, strings, struct, type Tree, text, untag } from './tree.ts'
import { resolveTarget, walk } from './walk.ts'

/** Statements that are neither query nor write. `inner` analyses the statement inside one, as of EXPLAIN or PREPARE. */
export type Inner = (node: unknown) => Facts

type Analyse = (draft: Draft, fields: Tree, inner: Inner) => void

const transactions: Readonly<Record<string, TransactionMove>> = {
  TRANS_STMT_BEGIN: 'begin',
  TRANS_STMT_START: 'begin',
  TRANS_STMT_COMMIT: 'commit',
  TRANS_STMT_ROLLBACK: 'rollback',
  TRANS_STMT_SAVEPOINT: 'savepoint',
  TRANS_STMT_RELEASE: 'release',
  TRANS_STMT_ROLLBACK_TO: 'rollback-to',
}

/** By node tag: what each utility statement does. A tag that is not here is not understood. */
export const utilities: Readonly<Record<string, Analyse>> = {
  TransactionStmt(draft, fields) {
    const move = transactions[text(fields, 'kind')]
    if (!move) return draft.unresolved('a two-phase transaction', 'two-phase commit is not supported through this port')
    readModes(draft, list(fields, 'options'))
    draft.transaction = move
    draft.effect('transaction', sessionObject)
  },

  VariableSetStmt(draft, fields) {
    const [kind, name] = [text(fields, 'kind'), text(fields, 'name')]
    draft.effect('set', { ...sessionObject, name: name.toLowerCase() || 'all' })
    if (kind === 'VAR_RESET_ALL') return
    if (kind === 'VAR_SET_MULTI') {
      if (name !== 'TRANSACTION') return refuseSetting(draft, name, byteOffset(fields))
      return readModes(draft, list(fields, 'args'))
    }
    const values = list(fields, 'args').map(constantText)
    const value = kind === 'VAR_SET_VALUE' ? values.join(', ') : null
    if (values.includes(undefined) || !maySet(name, value)) refuseSetting(draft, name, byteOffset(fields))
  },

  VariableShowStmt(draft, fields) {
    const name = text(fields, 'name')
    draft.effect('show', { ...sessionObject, name: name.toLowerCase() })
    draft.outputs = 'unproven'
    if (!mayShow(name)) draft.unresolved(`setting ${name}`, `setting "${name}" may not be shown through this port`)
  },

  ExplainStmt(draft, fields, inner) {
    const facts = inner(fields['query'])
    draft.absorb(facts)
    draft.effect('explain', sessionObject)
    draft.outputs = 'unproven'
    // Plans show constants, row estimates and filters that come from the values themselves.
    draft.unproven('EXPLAIN')
  },

  PrepareStmt(draft, fields, inner) {
    const body = inner(fields['query'])
    draft.absorb(body)
    draft.effect('prepare', { ...sessionObject, name: text(fields, 'name') })
    draft.session = { kind: 'prepare', name: text(fields, 'name'), body }
  },

  ExecuteStmt(draft, fields) {
    for (const param of list(fields, 'params')) walk(draft, param)
    draft.session = { kind: 'execute', name: text(fields, 'name') }
  },

  DeallocateStmt(draft, fields) {
    draft.effect('prepare', sessionObject)
    draft.session = { kind: 'deallocate', name: flag(fields, 'isall') ? null : text(fields, 'name') }
  },

  DeclareCursorStmt(draft, fields, inner) {
    const body = inner(fields['query'])
    draft.absorb(body)
    draft.session = { kind: 'declare', name: text(fields, 'portalname'), body }
  },

  FetchStmt(draft, fields) {
    draft.session = { kind: 'fetch', name: text(fields, 'portalname') }
  },

  ClosePortalStmt(draft, fields) {
    draft.effect('transaction', sessionObject)
    draft.session = { kind: 'close', name: text(fields, 'portalname') || null }
  },

  DiscardStmt(draft) {
    draft.effect('set', { ...sessionObject, name: 'all' })
    draft.session = { kind: 'discard' }
  },

  CopyStmt: analyseCopy,

  LockStmt(draft, fields) {
    for (const relation of list(fields, 'relations')) touch(draft, 'lock', untag(relation).fields)
  },

  TruncateStmt(draft, fields) {
    for (const relation of list(fields, 'relations')) {
      const target = resolveTarget(draft, untag(relation).fields)
      if (target) draft.effect('truncate', draft.relation(target), { at: byteOffset(untag(relation).fields) })
    }
  },

  NotifyStmt: (draft, fields) => draft.effect('notify', { ...sessionObject, name: text(fields, 'conditionname') }),
  ListenStmt: (draft, fields) => draft.effect('notify', { ...sessionObject, name: text(fields, 'conditionname') }),
  UnlistenStmt: (draft) => draft.effect('notify', sessionObject),
  DoStmt: (draft) => code(draft, 'DO'),
  CallStmt: (draft) => code(draft, 'CALL'),
  CheckPointStmt: (draft) => draft.effect('maintenance', sessionObject),
  VacuumStmt: maintenance,
  ClusterStmt: maintenance,
  ReindexStmt: maintenance,
  RefreshMatViewStmt: maintenance,

  DropStmt(draft, fields) {
    for (const object of list(fields, 'objects')) draft.effect('drop', named(draft, object))
    draft.changesCatalog = true
  },

  CreateTableAsStmt(draft, fields, inner) {
    const into = struct(fields, 'into')
    draft.absorb(inner(fields['query']))
    draft.unproven('CREATE TABLE AS')
    create(draft, struct(into, 'rel'))
  },

  ViewStmt(draft, fields, inner) {
    draft.absorb(inner(fields['query']))
    create(draft, struct(fields, 'view'))
  },

  CreateStmt: (draft, fields) => create(draft, struct(fields, 'relation')),
  CreateSeqStmt: (draft, fields) => create(draft, struct(fields, 'sequence')),
  IndexStmt: (draft, fields) => change(draft, 'create', struct(fields, 'relation')),
  AlterTableStmt: (draft, fields) => change(draft, 'alter', struct(fields, 'relation')),
  RenameStmt: (draft, fields) => change(draft, 'alter', struct(fields, 'relation')),
  CommentStmt: (draft) => change(draft, 'alter', {}),
  CreateSchemaStmt: (draft, fields) => other(draft, 'create', text(fields, 'schemaname')),
  CreateEnumStmt: (draft, fields) => other(draft, 'create', strings(list(fields, 'typeName')).join('.')),
  CreateRoleStmt: (draft, fields) => other(draft, 'grant', text(fields, 'role')),
  AlterRoleStmt: (draft) => other(draft, 'grant', 'role'),
  AlterRoleSetStmt: (draft) => other(draft, 'grant', 'role'),
  DropRoleStmt: (draft) => other(draft, 'grant', 'role'),
  GrantStmt: (draft) => other(draft, 'grant', 'privileges'),
  GrantRoleStmt: (draft) => other(draft, 'grant', 'membership'),
  AlterDefaultPrivilegesStmt: (draft) => other(draft, 'grant', 'default privileges'),
}

/** What people call the statement of a tag, when its verb does not follow from it. */
export function verbOf(tag: string): string {
  return (verbs[tag] ?? tag.replace(/Stmt$/, '').replace(/([a-z])([A-Z])/g, '$1 $2')).toUpperCase()
}

const verbs: Readonly<Record<string, string>> = {
  SelectStmt: 'SELECT',
  TransactionStmt: 'TRANSACTION',
  VariableSetStmt: 'SET',
  VariableShowStmt: 'SHOW',
  DeclareCursorStmt: 'DECLARE',
  ClosePortalStmt: 'CLOSE',
  DropStmt: 'DROP',
  CreateStmt: 'CREATE TABLE',
  ViewStmt: 'CREATE VIEW',
  IndexStmt: 'CREATE INDEX',
  AlterTableStmt: 'ALTER TABLE',
  RenameStmt: 'ALTER',
}

function analyseCopy(draft: Draft, fields: Tree, inner: Inner): void {
  const isFrom = flag(fields, 'is_from')
  if (flag(fields, 'is_program') || text(fields, 'filename') !== '') {
    draft.effect('copy-program', sessionObject)
    return draft.unresolved('COPY with a file or program', 'COPY may not reach files or programs of the database host')
  }
  draft.copy = isFrom ? 'in' : 'out'
  if (isTree(fields['query'])) {
    const facts = inner(fields['query'])
    draft.absorb(facts)
    draft.outputs = facts.outputs
    return draft.effect('copy-out', sessionObject)
  }
  const relation = struct(fields, 'relation')
  if (isFrom) return copyIn(draft, relation, fields)
  walk(draft, { RangeVar: relation })
  draft.effect('copy-out', named(draft, { RangeVar: relation }))
  const scope = relationScope(draft, relation)
  const names = strings(list(fields, 'attlist'))
  const columns = scope?.columns ?? []
  draft.outputs = names.length === 0 ? columns : columns.filter(({ name }) => names.includes(name))
}

function copyIn(draft: Draft, relation: Tree, fields: Tree): void {
  const target = resolveTarget(draft, relation)
  if (!target) return
  draft.effect('insert', draft.relation(target), { at: byteOffset(relation) })
  draft.effect('copy-in', draft.relation(target), { at: byteOffset(relation) })
  if (isTree(fields['whereClause'])) draft.unproven('COPY … WHERE')
}

/** BEGIN and SET TRANSACTION: an isolation level and READ ONLY are the client's own business, READ WRITE is not. */
function readModes(draft: Draft, modes: readonly unknown[]): void {
  for (const mode of modes) {
    const { fields } = untag(mode)
    const [name, value] = [text(fields, 'defname'), constantText(fields['arg'])]
    const isHarmless = name === 'transaction_isolation' || name === 'transaction_deferrable'
    if (isHarmless || (name === 'transaction_read_only' && value === '1')) continue
    draft.unresolved(`transaction mode ${name}`, 'a transaction may not be made READ WRITE through this port')
  }
}

function refuseSetting(draft: Draft, name: string, at: number): void {
  draft.unresolved(`setting ${name}`, `setting "${name}" may not be changed to this through this port`, at)
}

function code(draft: Draft, what: string): void {
  draft.effect('do-block', sessionObject)
  draft.unresolved(what, `${what} runs code that cannot be read`)
}

function maintenance(draft: Draft, fields: Tree): void {
  draft.effect('maintenance', named(draft, { RangeVar: struct(fields, 'relation') }))
}

function create(draft: Draft, rangeVar: Tree): void {
  if (text(rangeVar, 'relpersistence') === 't') {
    draft.unresolved('a temporary relation', 'temporary relations are not followed yet', byteOffset(rangeVar))
  }
  draft.effect('create', named(draft, { RangeVar: rangeVar }), { at: byteOffset(rangeVar) })
  draft.changesCatalog = true
}

/** A change to a relation that exists: what it evaluates on the way (defaults, checks, indexes) is not followed. */
function change(draft: Draft, effectClass: EffectClass, rangeVar: Tree): void {
  draft.unproven('a change of definition')
  touch(draft, effectClass, rangeVar)
  draft.changesCatalog = true
}

function other(draft: Draft, effectClass: EffectClass, name: string): void {
  draft.effect(effectClass, { kind: 'other', schema: '', name, id: 0 })
  draft.changesCatalog = true
}

function touch(draft: Draft, effectClass: EffectClass, rangeVar: Tree): void {
  const object = named(draft, { RangeVar: rangeVar })
  const found = draft.catalog.relationsByOid.get(object.id)
  if (found) draft.relation(found)
  draft.effect(effectClass, object, { at: byteOffset(rangeVar) })
}

/** The object a node names: resolved when it exists, else by the words it is called. */
function named(draft: Draft, node: unknown): ObjectRef {
  const { tag, fields } = untag(node)
  const parts =
    tag === 'RangeVar' ? [text(fields, 'schemaname'), text(fields, 'relname')] : strings(list(fields, 'items'))
  const name = (tag === 'String' ? text(fields, 'sval') : parts.at(-1)) ?? ''
  const schema = parts.length > 1 ? (parts.at(-2) ?? '') : ''
  const relation = resolveRelation(draft.catalog, schema, name)
  if (relation) return { kind: 'relation', schema: relation.schema, name: relation.name, id: relation.oid }
  return { kind: 'other', schema, name, id: 0 }
}
