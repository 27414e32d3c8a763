/**
 * What a statement does, in words no database engine owns. An engine fills these types in; policy, masking and audit
 * read them and know nothing else of SQL. Everything here is plain data: it is cached, hashed, recorded and replayed.
 */

/** What a statement may do to an object. `unknown` is a fact too, and the base policy forbids it. */
export const effectClasses = [
  'read',
  'insert',
  'update',
  'delete',
  'truncate',
  'create',
  'alter',
  'drop',
  'grant',
  'execute-function',
  'copy-in',
  'copy-out',
  'copy-program',
  'set',
  'show',
  'lock',
  'do-block',
  'notify',
  'transaction',
  'explain',
  'prepare',
  'maintenance',
  'unknown',
] as const

export type EffectClass = (typeof effectClasses)[number]

/** Kind of the object an effect touches. `session` stands for settings and transactions, which belong to no schema. */
export type ObjectKind = 'relation' | 'function' | 'schema' | 'role' | 'session' | 'database' | 'other'

/** An object by its resolved name. `schema` is empty where the kind has none. */
export interface ObjectRef {
  readonly kind: ObjectKind
  readonly schema: string
  readonly name: string
  /** Identity at the server (pg_class.oid); 0 where it has none or none was looked up. */
  readonly id: number
}

/** A stored relation with the names of all its columns. */
export interface RelationRef extends ObjectRef {
  readonly columns: readonly string[]
}

/** A column's name without its identity. */
export interface ColumnName {
  readonly schema: string
  readonly table: string
  readonly column: string
}

/** One column of a stored relation, by the names the catalog gives it. */
export interface ColumnRef extends ColumnName {
  /** The same column in parents and children of an inheritance or partition tree: what holds for one holds for all. */
  readonly kin: readonly ColumnName[]
  /** pg_attribute identity; 0 where the engine has none. */
  readonly relationId: number
  readonly attribute: number
}

/** Something a statement does to one object. One statement may hold several of a class (two deletes in one CTE). */
export interface Effect {
  readonly class: EffectClass
  readonly object: ObjectRef
  /** Update and delete: the WHERE really restricts (not absent, `true`, `1=1`, `id=id`…). Other classes: true. */
  readonly bounded: boolean
  /** 1-based character of the statement text where the object is named; 0 where it is not. */
  readonly position: number
}

/** What a value is made of. `opaque`: cannot be proven, so it may be made of anything. */
export type Label =
  | { readonly kind: 'clean' }
  | { readonly kind: 'copy'; readonly source: ColumnRef }
  | { readonly kind: 'derived'; readonly sources: readonly ColumnRef[] }
  | { readonly kind: 'opaque'; readonly reason: string }

/** One column of a statement's result. */
export interface OutputColumn {
  readonly name: string
  readonly label: Label
  /** The relation and attribute the server itself should name as this column's origin; null: it should name none. */
  readonly origin: { readonly relationId: number; readonly attribute: number } | null
}

/** A construct that was not understood, and so is refused. */
export interface Finding {
  /** What it is, in the words of the engine's manual: `FuncCall`, `relation "foo"`. */
  readonly what: string
  /** Why it matters, as a sentence for the person who wrote it. */
  readonly why: string
  /** 1-based character of the statement text; 0 where it has none. */
  readonly position: number
}

/** What a statement does to the transaction around it. */
export type TransactionMove = 'none' | 'begin' | 'commit' | 'rollback' | 'savepoint' | 'release' | 'rollback-to'

/** What a statement does to the names a session holds. */
export type SessionMove =
  | { readonly kind: 'none' }
  | { readonly kind: 'prepare'; readonly name: string; readonly body: Facts }
  | { readonly kind: 'execute'; readonly name: string }
  | { readonly kind: 'deallocate'; readonly name: string | null }
  | { readonly kind: 'declare'; readonly name: string; readonly body: Facts }
  | { readonly kind: 'fetch'; readonly name: string }
  | { readonly kind: 'close'; readonly name: string | null }
  | { readonly kind: 'discard' }

/** How a COPY moves its rows over the connection. */
export type CopyDirection = 'none' | 'in' | 'out'

/** Everything known about one statement. Pure function of its text, the catalog snapshot and the pinned settings. */
export interface Facts {
  /** Leading keywords as people say them: `SELECT`, `DELETE`, `CREATE TABLE`. */
  readonly verb: string
  readonly effects: readonly Effect[]
  /**
   * Result columns in order; null when the statement returns no rows; `unproven` when nothing is known of them but which
   * relations they can come from.
   */
  readonly outputs: readonly OutputColumn[] | 'unproven' | null
  /** Columns whose values decide which rows appear, how many, or in what order. */
  readonly filters: readonly ColumnRef[]
  /** Every column read anywhere, each once. */
  readonly columns: readonly ColumnRef[]
  /** Every stored relation named anywhere, each once, views with the relations behind them. */
  readonly relations: readonly RelationRef[]
  /** Not understood at all: the statement is refused whatever it touches. */
  readonly unresolved: readonly Finding[]
  /** Understood, but lineage through it is not proven: refused when a classified column is in scope. */
  readonly unproven: readonly Finding[]
  readonly transaction: TransactionMove
  readonly session: SessionMove
  readonly copy: CopyDirection
  /** The catalog must be read again after it ran. */
  readonly changesCatalog: boolean
  /** A name was not found in the snapshot: it may be newer than that. */
  readonly missesNames: boolean
}

/** One statement of a text: where it stands and what it does. */
export interface AnalysedStatement {
  /** The statement's own text, without the semicolon around it. */
  readonly text: string
  readonly facts: Facts
}

/** A text that the engine's own grammar refuses. Nothing of it may be forwarded. */
export interface SyntaxProblem {
  readonly message: string
  /** 1-based character of the text; 0 where unknown. */
  readonly position: number
}

/** The outcome of reading a text. */
export type Analysis =
  | { readonly kind: 'statements'; readonly statements: readonly AnalysedStatement[] }
  | { readonly kind: 'syntax'; readonly problem: SyntaxProblem }
