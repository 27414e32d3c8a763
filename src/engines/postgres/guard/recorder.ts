import type { StatementFinished, StatementStarted } from '../../../audit/entry.ts'
import { newId } from '../../../base/id.ts'
import type { Allowed, Decision, Held } from '../../../policy/decision.ts'
import type { ColumnRef, Facts } from '../../engine.ts'
import type { Ticket } from './effect.ts'
import type { Outbox } from './outbox.ts'
import type { GuardPorts } from './port.ts'
import { newRun, type Run } from './run.ts'

/** What a statement is, apart from what was decided about it. */
export interface Statement {
  readonly sql: string
  readonly facts: Facts
  readonly protocol: StatementStarted['protocol']
  readonly params: StatementStarted['params']
  readonly inTransaction: boolean
}

type Outcome = Pick<StatementFinished, 'outcome' | 'sqlstate' | 'rowsAffected'>

/** Writes the two entries of a statement, and knows the ticket that gates what may be released. */
export class Recorder {
  readonly #ports: GuardPorts
  readonly #outbox: Outbox
  readonly #backendPid: number
  #ticket: Ticket = 0

  constructor(ports: GuardPorts, outbox: Outbox, backendPid: number) {
    this.#ports = ports
    this.#outbox = outbox
    this.#backendPid = backendPid
  }

  /** The newest record there is: whatever is sent now says nothing that came after it. */
  get lastTicket(): Ticket {
    return this.#ticket
  }

  newEvent(): string {
    return newId('evt', this.#ports.clock, this.#ports.random)
  }

  /** Records that a statement is about to run; everything of its result waits for the run's ticket. */
  started(statement: Statement, decision: Allowed, approval = ''): Run {
    const event = this.newEvent()
    const ticket = this.#record(this.#startedEntry(event, statement, decision, approval))
    const startedMonotonicMs = this.#ports.clock.monotonicMs()
    return newRun({ event, facts: statement.facts, decision, startedMonotonicMs, ticket })
  }

  /** Records a statement that did not run; returns the ticket its refusal waits for. */
  refused(statement: Statement, decision: Decision, event: string): Ticket {
    this.#record(this.#startedEntry(event, statement, decision, ''))
    return this.notRun(event, '42501')
  }

  /** Records that a statement waits for an approval. */
  held(statement: Statement, decision: Held, { event, request }: { event: string; request: string }): Ticket {
    return this.#record({ ...this.#startedEntry(event, statement, decision, request), verdict: 'held' })
  }

  notRun(event: string, sqlstate: string): Ticket {
    return this.#record(this.#finishedEntry(event, { outcome: 'not-run', sqlstate, rowsAffected: 0 }))
  }

  finished(run: Run, outcome: Outcome): void {
    if (run.isSettled) return
    run.isSettled = true
    this.#record({
      ...this.#finishedEntry(run.event, outcome),
      rowsReturned: run.rowsReturned,
      bytesReturned: run.bytesReturned,
      durationMs: Math.max(0, this.#ports.clock.monotonicMs() - run.startedMonotonicMs),
    })
  }

  #record(entry: StatementStarted | StatementFinished): Ticket {
    this.#ticket += 1
    this.#outbox.add({ kind: 'record', ticket: this.#ticket, entry })
    return this.#ticket
  }

  #startedEntry(event: string, statement: Statement, decision: Decision, approval: string): StatementStarted {
    const { session } = this.#ports
    const outputs = decision.verdict === 'deny' || decision.outputs === 'pass' ? [] : (decision.outputs ?? [])
    return {
      kind: 'statement.started',
      v: 1,
      id: event,
      session: session.session,
      atMs: this.#ports.clock.nowMs(),
      actor: session.actor,
      connection: session.connection,
      reason: session.reason,
      ticket: session.ticket,
      client: { number: session.clientNumber, application: session.application, backendPid: this.#backendPid },
      protocol: statement.protocol,
      sql: statement.sql,
      verb: statement.facts.verb,
      params: statement.params,
      effects: statement.facts.effects.map(({ class: effect, object }) => ({
        class: effect,
        object: object.schema ? `${object.schema}.${object.name}` : object.name,
      })),
      columns: decision.classified.map(({ column, tags }) => ({
        schema: column.schema,
        table: column.table,
        column: column.column,
        tags: [...tags],
      })),
      inTransaction: statement.inTransaction,
      verdict: approval ? 'approved' : verdicts[decision.verdict],
      rules: decision.rules.map(({ id, file, line }) => ({ id, file, line })),
      why: decision.verdict === 'allow' ? '' : decision.reason,
      policyDigest: decision.policyDigest,
      masked: outputs.flatMap((rule) => (rule.kind === 'mask' ? [columnName(rule.column)] : [])),
      revealed: outputs.flatMap((rule) =>
        rule.kind === 'reveal' ? [{ column: columnName(rule.column), rule: rule.rule.id }] : [],
      ),
      request: approval,
    }
  }

  #finishedEntry(event: string, outcome: Outcome): StatementFinished {
    return {
      kind: 'statement.finished',
      v: 1,
      id: event,
      session: this.#ports.session.session,
      atMs: this.#ports.clock.nowMs(),
      ...outcome,
      rowsReturned: 0,
      bytesReturned: 0,
      durationMs: 0,
    }
  }
}

const verdicts = { allow: 'allowed', deny: 'denied', hold: 'held' } as const

function columnName(column: ColumnRef): string {
  return `${column.schema}.${column.table}.${column.column}`
}
