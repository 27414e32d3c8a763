import type { Entry, StatementFinished, StatementStarted } from '../../audit/entry.ts'
import { clockTime } from '../output/when.ts'
import type { Tone } from '../terminal.ts'

/** One thing that happened in an open session, as `-o jsonl` prints it. Never a password; SQL only when asked for. */
export type SessionEvent =
  | {
      readonly event: 'ready'
      readonly session: string
      readonly connection: string
      readonly host: string
      readonly port: number
      readonly database: string
      readonly user: string
      readonly service: string
      readonly serviceFile: string
      readonly passFile: string
      readonly endsAt: string
    }
  | {
      readonly event: 'statement'
      readonly id: string
      readonly at: string
      readonly verb: string
      readonly objects: readonly string[]
      readonly verdict: StatementStarted['verdict']
      readonly rule: string | null
      readonly why: string
      readonly request: string | null
      readonly client: string
      readonly masked: readonly string[]
      readonly outcome: StatementFinished['outcome'] | 'waiting'
      readonly sqlstate: string | null
      readonly rows: number
      readonly durationMs: number
      readonly sql?: string
    }
  | { readonly event: 'ending'; readonly inSeconds: number }
  | { readonly event: 'ended'; readonly reason: string; readonly exit: number }

/** Joins the two records of each statement into one event: at its end, and when it begins to wait. */
export class StatementEvents {
  readonly #running = new Map<string, StatementStarted>()
  readonly #withSql: boolean

  constructor(withSql: boolean) {
    this.#withSql = withSql
  }

  /** The event an entry gives rise to; undefined when there is nothing to tell yet. */
  from(entry: Entry): SessionEvent | undefined {
    if (entry.kind === 'statement.started') {
      this.#running.set(entry.id, entry)
      return entry.verdict === 'held' && entry.request !== '' ? this.#event(entry, null) : undefined
    }
    if (entry.kind !== 'statement.finished') return undefined
    const started = this.#running.get(entry.id)
    this.#running.delete(entry.id)
    return started && this.#event(started, entry)
  }

  #event(started: StatementStarted, finished: StatementFinished | null): SessionEvent {
    const isRefusal = started.verdict === 'denied' || started.verdict === 'held'
    return {
      event: 'statement',
      id: started.id,
      at: new Date(finished?.atMs ?? started.atMs).toISOString(),
      verb: started.verb,
      objects: [...new Set(started.effects.map(({ object }) => object).filter((object) => object !== ''))],
      verdict: started.verdict,
      rule: isRefusal ? (started.rules[0]?.id ?? null) : null,
      why: started.why,
      request: started.request || null,
      client: started.client.application,
      masked: started.masked,
      outcome: finished?.outcome ?? 'waiting',
      sqlstate: finished?.sqlstate || null,
      rows: finished === null ? 0 : Math.max(finished.rowsReturned, finished.rowsAffected),
      durationMs: finished === null ? 0 : Math.round(finished.durationMs * 10) / 10,
      ...(this.#withSql ? { sql: started.sql } : {}),
    }
  }
}

/** One line for people: words, not only signs. */
export function statementLine(event: Extract<SessionEvent, { event: 'statement' }>): {
  readonly text: string
  readonly tone: Tone
} {
  const head = `${clockTime(Date.parse(event.at))} ${event.verb} ${event.objects.join(', ')}`.trimEnd()
  const sql = event.sql === undefined ? '' : `  ${event.sql.replace(/\s+/g, ' ')}`
  if (event.outcome === 'waiting') {
    return { text: `${head}  ⧗ ${event.request} waiting for approval, rule ${event.rule}${sql}`, tone: 'waiting' }
  }
  if (event.verdict === 'denied') {
    return { text: `${head}  ✗ denied by ${event.rule}: ${event.why}  ${event.id}${sql}`, tone: 'bad' }
  }
  if (event.outcome !== 'completed') {
    const code = event.sqlstate === null ? '' : ` ${event.sqlstate}`
    return { text: `${head}  ${event.outcome}${code}${sql}`, tone: 'waiting' }
  }
  const columns = [...new Set(event.masked.map((column) => column.slice(column.lastIndexOf('.') + 1)))]
  const masked = columns.length === 0 ? '' : `  masked: ${columns.join(', ')}`
  const rows = `${event.rows} ${event.rows === 1 ? 'row' : 'rows'}`
  return { text: `${head}  ${rows}  ${event.durationMs} ms${masked}${sql}`, tone: 'plain' }
}
