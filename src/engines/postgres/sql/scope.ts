import type { ColumnRef, Label, OutputColumn } from '../../engine.ts'
import { columnRef, resolveRelation } from '../catalog/resolve.ts'
import type { CatalogRelation } from '../catalog/snapshot.ts'
import type { Draft } from './draft.ts'
import { byteOffset, list, strings, struct, type Tree, text, untag } from './tree.ts'

/** One entry of FROM: a name, and the columns that can be reached through it. */
export interface ScopeEntry {
  readonly alias: string
  readonly schema: string
  readonly columns: readonly OutputColumn[]
}

/** Names in reach of an expression. `merged` columns of JOIN … USING stand first in a star, and only once. */
export interface Scope {
  readonly entries: readonly ScopeEntry[]
  readonly merged: readonly string[]
}

/** The scope of one relation under its alias; undefined when it is not one that can be followed. */
export function relationScope(draft: Draft, rangeVar: Tree): ScopeEntry | undefined {
  const [schema, name] = [text(rangeVar, 'schemaname'), text(rangeVar, 'relname')]
  const relation = resolveRelation(draft.catalog, schema, name)
  if (!relation) return undefined
  const alias = struct(rangeVar, 'alias')
  const names = strings(list(alias, 'colnames'))
  const columns = columnsOf(draft, relation).map((column, at) => ({
    ...column,
    name: names[at] ?? column.name,
  }))
  return { alias: text(alias, 'aliasname') || relation.name, schema: relation.schema, columns }
}

/** Columns of a relation as a query sees them: of a view, with the labels of what is behind it. */
function columnsOf(draft: Draft, relation: CatalogRelation): readonly OutputColumn[] {
  const outputs = relation.definition === null ? null : draft.behind(relation).outputs
  return relation.columns.map(
    (column, at): OutputColumn => ({
      name: column.name,
      label:
        relation.definition === null
          ? { kind: 'copy', source: columnRef(draft.catalog, relation, column) }
          : labelAt(outputs, at),
      origin: { relationId: relation.oid, attribute: column.attribute },
    }),
  )
}

function labelAt(outputs: readonly OutputColumn[] | 'unproven' | null, at: number): Label {
  const label = outputs === null || outputs === 'unproven' ? undefined : outputs[at]?.label
  return label ?? { kind: 'opaque', reason: 'a view whose columns are not proven' }
}

/** The column a ColumnRef names; undefined, with the reason noted, when it is not one plain column. */
export function resolveColumn(draft: Draft, scope: Scope, fields: Tree): OutputColumn | undefined {
  const parts = list(fields, 'fields').map((part) => untag(part))
  const at = byteOffset(fields)
  const names = parts.map((part) => text(part.fields, 'sval'))
  const column = names.at(-1) ?? ''
  const matches = scope.entries
    .filter((entry) => isQualifiedBy(entry, names.slice(0, -1)))
    .flatMap((entry) => entry.columns.filter(({ name }) => name === column))
  const [found, second] = matches
  if (found && (!second || scope.merged.includes(column))) return found
  if (second) draft.unresolved(`column ${column}`, `column "${column}" is ambiguous`, at)
  else if (systemColumns.has(column)) draft.unproven(`system column "${column}"`, at)
  else if (scope.entries.some(({ alias }) => alias === column)) draft.unproven(`whole row "${column}"`, at)
  else {
    draft.missesNames = true
    draft.unresolved(`column ${names.join('.')}`, `column "${names.join('.')}" is not known`, at)
  }
  return undefined
}

/** The columns a star stands for, in PostgreSQL's order; undefined when they cannot be listed. */
export function expandStar(scope: Scope, qualifier: readonly string[]): readonly OutputColumn[] | undefined {
  const entries = scope.entries.filter((entry) => isQualifiedBy(entry, qualifier))
  if (entries.length === 0 || (qualifier.length > 0 && entries.length > 1)) return undefined
  if (qualifier.length > 0 || scope.merged.length === 0) return entries.flatMap(({ columns }) => columns)
  const all = entries.flatMap(({ columns }) => columns)
  const first = scope.merged.flatMap((name) => all.find((column) => column.name === name) ?? [])
  return [...first, ...all.filter(({ name }) => !scope.merged.includes(name))]
}

/** The stored columns a value is made of. */
export function sourcesOf(column: OutputColumn): readonly ColumnRef[] {
  switch (column.label.kind) {
    case 'copy':
      return [column.label.source]
    case 'derived':
      return column.label.sources
    default:
      return []
  }
}

function isQualifiedBy(entry: ScopeEntry, qualifier: readonly string[]): boolean {
  const [first, second] = qualifier
  if (first === undefined) return true
  if (second === undefined) return entry.alias === first
  return qualifier.length === 2 && entry.schema === first && entry.alias === second
}

const systemColumns = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid'])
