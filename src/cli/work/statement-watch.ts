import type { Entry, StatementFinished, StatementStarted } from '../../audit/entry.ts'

/** Effects that leave nothing behind. */
const harmless = new Set(['read', 'show', 'set', 'explain', 'transaction', 'lock', 'prepare'])

/** What the records say about the statement under way. */
export class StatementWatch {
  #started: StatementStarted | null = null
  #held: StatementStarted | null = null
  #finished: StatementFinished | null = null

  /** Forgets the statement before: the next one starts. */
  reset(): void {
    this.#started = null
    this.#held = null
    this.#finished = null
  }

  see(entry: Entry): void {
    if (entry.kind === 'statement.started') {
      this.#started = entry
      if (entry.verdict === 'held') this.#held = entry
    }
    if (entry.kind === 'statement.finished') this.#finished = entry
  }

  /** The newest record of it: a held one gets a second when it is approved. */
  get started(): StatementStarted | null {
    return this.#started
  }

  /** The record of its wait, when it had to wait. */
  get held(): StatementStarted | null {
    return this.#held
  }

  get finished(): StatementFinished | null {
    return this.#finished
  }

  get isWaiting(): boolean {
    return this.#started?.verdict === 'held' && this.#finished === null
  }

  /** It was sent on, and may have changed something. */
  get mayHaveWritten(): boolean {
    const started = this.#started
    if (started === null || started.verdict === 'denied' || started.verdict === 'held') return false
    return started.effects.some(({ class: effect }) => !harmless.has(effect))
  }
}
