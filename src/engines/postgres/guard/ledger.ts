import type { Ticket } from './effect.ts'
import type { Portal, PreparedStatement } from './registry.ts'
import type { Run } from './run.ts'

/**
 * What the server still owes, in the order it will pay. Pipelining makes every "current statement" variable wrong, so there
 * is none: each reply belongs to the entry at the head. Entries of our own making stand in line like the client's, and what
 * they are answered never reaches the client.
 */
export type LedgerEntry =
  | { readonly kind: 'query'; readonly runs: readonly Run[]; at: number }
  | { readonly kind: 'parse'; readonly statement: PreparedStatement }
  | { readonly kind: 'bind'; readonly portal: Portal }
  | { readonly kind: 'describe-statement'; readonly statement: PreparedStatement | null }
  | { readonly kind: 'describe-portal'; readonly portal: Portal | null; readonly isOurs: boolean }
  | { readonly kind: 'execute'; readonly portal: Portal; readonly run: Run | null }
  | { readonly kind: 'close'; readonly target: 'statement' | 'portal'; readonly name: string }
  | { readonly kind: 'sync' }
  /** Bytes of ours for the client, said when everything before has been answered. */
  | { readonly kind: 'say'; readonly bytes: Buffer; readonly after: Ticket }
  /** A message of ours that the server must refuse, to fail the transaction; `say` replaces its error. */
  | { readonly kind: 'poison'; readonly say: Buffer | null; readonly after: Ticket; readonly endsCycle: boolean }
  /** A question of ours: rows are collected, nothing is shown. */
  | { readonly kind: 'ask'; readonly ask: Ask }

/** The rows of a question of ours as they come in, and who wants them. */
export interface Ask {
  readonly rows: (readonly (string | null)[])[]
  readonly done: (ask: Ask) => void
  failed: string | null
}

export class Ledger {
  readonly #entries: LedgerEntry[] = []

  get head(): LedgerEntry | undefined {
    return this.#entries[0]
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0
  }

  expect(entry: LedgerEntry): void {
    this.#entries.push(entry)
  }

  settle(): LedgerEntry | undefined {
    return this.#entries.shift()
  }

  /** Drops everything up to the next Sync, which the server skips after an error; returns the runs that end with it. */
  skipToSync(): Run[] {
    const runs: Run[] = []
    for (let head = this.head; head && head.kind !== 'sync'; head = this.head) {
      if (head.kind === 'query' || head.kind === 'ask') break
      if (head.kind === 'execute' && head.run) runs.push(head.run)
      this.#entries.shift()
    }
    return runs
  }

  /** Whether the client has asked for the columns of this portal, and the answer is under way. */
  describes(portal: Portal): boolean {
    return this.#entries.some((entry) => entry.kind === 'describe-portal' && entry.portal === portal)
  }

  /** Runs the server has not answered yet. */
  unsettledRuns(): Run[] {
    return this.#entries.flatMap((entry) => {
      if (entry.kind === 'query') return entry.runs.slice(entry.at)
      return entry.kind === 'execute' && entry.run ? [entry.run] : []
    })
  }

  /**
   * The newest definition of a statement that is under way: `unknown` when a Sync stands behind it, because then the
   * server may have skipped it and still hold an older one of that name.
   */
  pendingStatement(name: string): PreparedStatement | 'unknown' | undefined {
    return this.#pending((entry) =>
      entry.kind === 'parse' && entry.statement.name === name ? entry.statement : undefined,
    )
  }

  pendingPortal(name: string): Portal | 'unknown' | undefined {
    return this.#pending((entry) => (entry.kind === 'bind' && entry.portal.name === name ? entry.portal : undefined))
  }

  #pending<T>(read: (entry: LedgerEntry) => T | undefined): T | 'unknown' | undefined {
    let isBehindSync = false
    for (let at = this.#entries.length - 1; at >= 0; at--) {
      const entry = this.#entries[at]
      if (!entry) continue
      const found = read(entry)
      if (found !== undefined) return isBehindSync ? 'unknown' : found
      if (entry.kind === 'sync' || endsCycle(entry)) isBehindSync = true
    }
    return undefined
  }
}

/** Entries that a ReadyForQuery of their own answers. */
function endsCycle(entry: LedgerEntry): boolean {
  return entry.kind === 'query' || entry.kind === 'ask' || (entry.kind === 'poison' && entry.endsCycle)
}
