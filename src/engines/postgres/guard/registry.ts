import type { StatementStarted } from '../../../audit/entry.ts'
import type { FieldDescription } from '../../../masking/result-plan.ts'
import type { Facts, SessionMove } from '../../engine.ts'
import type { Judged } from './gate.ts'
import type { Run } from './run.ts'

/** A prepared statement, by Parse or by SQL PREPARE: they share one set of names. */
export interface PreparedStatement {
  readonly name: string
  readonly sql: string
  /** Of SQL PREPARE: the facts of its body. Parse keeps the text, which is analysed anew at every Bind. */
  readonly body: Facts | null
  /** What Describe said its columns are, so that an execution needs no Describe of our own. */
  fields: readonly FieldDescription[] | null
}

/** A portal, by Bind or by DECLARE CURSOR: they share one set of names too. */
export interface Portal {
  readonly name: string
  readonly statement: PreparedStatement
  /** Of an empty statement there is nothing to judge: null. */
  readonly judged: Judged | null
  readonly params: StatementStarted['params']
  readonly resultFormats: readonly (0 | 1)[]
  /** Columns in the formats of this portal; null until described. */
  fields: readonly FieldDescription[] | null
  /** Request under which its one execution was approved; empty where none was needed. */
  readonly approval: string
  /** The execution that is under way or suspended. */
  run: Run | null
}

/** Names the database is known to hold: only what it has confirmed. What is still under way stands in the ledger. */
export class Registry {
  readonly statements = new Map<string, PreparedStatement>()
  readonly portals = new Map<string, Portal>()
  readonly cursors = new Map<string, Facts>()

  /** What a statement that has completed did to the names. */
  apply(move: SessionMove): void {
    switch (move.kind) {
      case 'prepare':
        this.statements.set(move.name, { name: move.name, sql: '', body: move.body, fields: null })
        return
      case 'declare':
        this.cursors.set(move.name, move.body)
        return
      case 'deallocate':
        return forget(this.statements, move.name)
      case 'close':
        return forget(this.cursors, move.name)
      case 'discard':
        this.statements.clear()
        this.cursors.clear()
        return
      case 'none':
      case 'execute':
      case 'fetch':
        return
      default:
        move satisfies never
    }
  }

  /** The end of a transaction closes every portal; they are handed over, once. */
  takePortals(): readonly Portal[] {
    const portals = [...this.portals.values()]
    this.portals.clear()
    return portals
  }
}

/** One name, or all of them. */
function forget(names: Map<string, unknown>, name: string | null): void {
  if (name === null) names.clear()
  else names.delete(name)
}
