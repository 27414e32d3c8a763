import { serialize } from 'pg-protocol'
import { encodeReadyForQuery } from '../wire/backend-messages.ts'
import { FrameReader, type Piece } from '../wire/frame-reader.ts'
import { decodeQuery } from '../wire/frontend-messages.ts'
import { frontend, frontendTypes } from '../wire/message-type.ts'
import { readCatalog } from './catalog-reader.ts'
import type { Core } from './core.ts'
import type { HoldId, HoldOutcome, Ticket } from './effect.ts'
import { ExtendedHalf } from './extended-half.ts'
import { builtInDenial, type Judged, type Judgement, judge, noFacts } from './gate.ts'
import { openHold, requestHold, settleHold, type WaitingHold } from './hold.ts'
import type { Statement } from './recorder.ts'
import { encodeRefusal, plainRefusal, poisonSql, type Refusal, refusalOf } from './refusal.ts'

const maxOpenedBytes = 64 * 1024 * 1024
const maxInboxBytes = 64 * 1024 * 1024

/** Of a statement that would have been let through, had it not come with one that was not. */
const sharedFate = builtInDenial({
  rule: 'hoop:same-message',
  reason: 'another statement of the same message was refused',
  fix: 'Send it without the other',
  position: 0,
})

/** Given when the policy of the moment wants another review than the one that was given. */
const policyMoved = builtInDenial({
  rule: 'hoop:review-again',
  reason: 'the policy has changed since it was asked for',
  fix: 'Send it again',
  position: 0,
})

/** What becomes of a statement when its wait is over. */
export interface AfterHold {
  release(judged: Judged, request: string): void
  refuse(refusal: Refusal, after: Ticket): void
}

/**
 * What comes from the client. Messages are handled one after another; when one has to wait (for the server to catch up, for
 * the catalog, for an approval), it and all after it stay in the inbox, in order.
 */
export class ClientHalf {
  readonly #core: Core
  readonly #extended: ExtendedHalf
  readonly #frames = new FrameReader({
    known: frontendTypes,
    isOpened: (type) => type !== frontend.copyData,
    maxOpenedBytes,
  })
  #inbox: Piece[] = []
  #inboxBytes = 0
  #waiting: 'no' | 'drain' | 'catalog' | 'hold' = 'no'
  #hold: WaitingHold | null = null
  #lastHold: HoldId = 0
  /** The catalog was read again for the message at the head of the inbox. */
  #hasRefreshed = false

  constructor(core: Core) {
    this.#core = core
    this.#extended = new ExtendedHalf(core, {
      judge: (sql) => this.#judge(sql),
      hold: (judged, statement, then) => this.#startHold(judged, statement, then),
      recordRefused: (judged, statement) => this.#recordRefused([judged], statement),
    })
  }

  receive(chunk: Buffer): void {
    for (const piece of this.#frames.read(chunk)) {
      if (this.#core.isClosed) return
      if (this.#waiting === 'no' && this.#inbox.length === 0) this.#handle(piece)
      else this.#store(piece)
    }
  }

  /** Goes on with what had to wait, as far as that is possible now. */
  pump(): void {
    while (!this.#core.isClosed && this.#inbox.length > 0) {
      if (this.#waiting === 'drain' && this.#core.ledger.isEmpty) this.#waiting = 'no'
      if (this.#waiting !== 'no') return
      const piece = this.#inbox.shift()
      if (!piece) return
      this.#inboxBytes -= piece.bytes.length
      this.#handle(piece)
    }
  }

  holdOpened(id: HoldId, request: { id: string; url: string; approveWith: string }): void {
    if (this.#hold?.id === id) openHold(this.#core, this.#hold, request)
  }

  holdSettled(id: HoldId, outcome: HoldOutcome): void {
    const hold = this.#hold
    if (hold?.id !== id) return
    this.#endHold()
    settleHold(this.#core, hold, outcome)
    this.pump()
  }

  /** True when there was a hold to take back. */
  cancelHold(): boolean {
    const hold = this.#hold
    if (!hold) return false
    this.#withdraw(hold, '57014')
    hold.refuse(
      plainRefusal('the statement was taken back. Nothing was run', '', '57014'),
      this.#core.recorder.lastTicket,
    )
    this.pump()
    return true
  }

  /** The connection is gone: a held statement is taken back without a word. */
  abandon(): void {
    if (this.#hold) this.#withdraw(this.#hold, '57014')
  }

  #withdraw(hold: WaitingHold, sqlstate: string): void {
    this.#endHold()
    this.#core.outbox.add({ kind: 'withdraw', hold: hold.id })
    if (hold.request === '') this.#core.recorder.held(hold.statement, hold.decision, { event: hold.event, request: '' })
    this.#core.recorder.notRun(hold.event, sqlstate)
  }

  #endHold(): void {
    this.#hold = null
    this.#waiting = 'no'
  }

  #store(piece: Piece): void {
    this.#inboxBytes += piece.bytes.length
    if (this.#inboxBytes > maxInboxBytes) {
      this.#core.fatal('54000', 'too much was sent behind a statement that waits')
      return
    }
    // A copy: the chunk is whoever's who read it, and may be written over before the wait is over.
    this.#inbox.push({ ...piece, bytes: Buffer.from(piece.bytes) })
  }

  #wait(why: 'drain' | 'catalog', piece: Piece): void {
    this.#waiting = why
    this.#inboxBytes += piece.bytes.length
    this.#inbox.unshift({ ...piece, bytes: Buffer.from(piece.bytes) })
  }

  #handle(piece: Piece): void {
    const core = this.#core
    switch (piece.type) {
      case frontend.copyData:
      case frontend.copyDone:
      case frontend.copyFail:
        return core.outbox.send('server', piece.bytes, core.recorder.lastTicket)
      case frontend.terminate:
        core.outbox.send('server', piece.bytes, core.recorder.lastTicket)
        return core.close('client')
      case frontend.query:
        return this.#query(piece)
      case frontend.functionCall:
        return this.#refuseSimple(
          plainRefusal('a function call by OID has no text to judge. Nothing was run', 'Use SELECT', '0A000'),
          core.recorder.lastTicket,
        )
      case frontend.password:
        return core.fatal('08P01', 'a password message came out of turn')
      default: {
        const again = this.#extended.handle(piece)
        if (again === 'drain') this.#wait('drain', piece)
        if (again === 'catalog') this.#refresh(piece)
      }
    }
  }

  #query(piece: Piece): void {
    this.#extended.forwardDeferred()
    const sql = decodeQuery(piece.bytes.subarray(5))
    const judgement = this.#judge(sql)
    switch (judgement.kind) {
      case 'stale':
        return this.#refresh(piece)
      case 'busy':
        return this.#wait('drain', piece)
      case 'refused':
        return this.#refuseSimple(judgement.refusal, this.#core.recorder.lastTicket)
      case 'empty':
        return this.#forwardQuery(piece.bytes, [], sql)
      case 'judged':
        return this.#queryJudged(piece, sql, judgement.statements)
      default:
        return judgement satisfies never
    }
  }

  #queryJudged(piece: Piece, sql: string, statements: readonly Judged[]): void {
    const whole = this.#statementOf(statements[0], sql)
    const isRefused = statements.some(({ decision }) => decision.verdict === 'deny')
    const [only] = statements
    if (isRefused || !only) return this.#refuseSimple(...this.#recordRefused(statements, whole))
    if (statements.every(({ decision }) => decision.verdict === 'allow')) {
      return this.#forwardQuery(piece.bytes, statements, sql)
    }
    if (statements.length > 1) {
      const reason = 'one of these statements needs an approval, and an approval is for one statement'
      const fix = 'Send that statement on its own'
      const decision = builtInDenial({ rule: 'hoop:approval-of-one', reason, fix, position: 0 })
      return this.#refuseSimple(
        ...this.#recordRefused(
          statements.map((each) => ({ ...each, decision })),
          whole,
        ),
      )
    }
    if (!this.#core.ledger.isEmpty) return this.#wait('drain', piece)
    const bytes = Buffer.from(piece.bytes)
    this.#startHold(only, whole, {
      release: (judged, request) => this.#forwardQuery(bytes, [judged], sql, request),
      refuse: (refusal, after) => this.#refuseSimple(refusal, after),
    })
  }

  #judge(sql: string): Judgement {
    // A question of ours inside an open pipeline would end it like a Sync, and in a failed transaction it has no answer.
    const mayRefresh = !this.#hasRefreshed && !this.#core.hasUnsynced && this.#core.status !== 'E'
    const judgement = judge(this.#core, sql, mayRefresh)
    if (judgement.kind !== 'stale' && judgement.kind !== 'busy') this.#hasRefreshed = false
    return judgement
  }

  #refresh(piece: Piece): void {
    if (!this.#core.ledger.isEmpty) return this.#wait('drain', piece)
    this.#wait('catalog', piece)
    this.#hasRefreshed = true
    readCatalog(this.#core, () => {
      // Whatever came of it: the statement is judged by the newest snapshot there is.
      this.#waiting = 'no'
    })
  }

  #forwardQuery(bytes: Buffer, statements: readonly Judged[], sql: string, approval = ''): void {
    const { recorder, ledger, outbox } = this.#core
    const runs = statements.flatMap((judged) => {
      if (judged.decision.verdict !== 'allow') return []
      const run = recorder.started(this.#statementOf(judged, sql), judged.decision, approval)
      this.#core.noticeSensitive(run)
      return [run]
    })
    outbox.send('server', bytes, recorder.lastTicket)
    ledger.expect({ kind: 'query', runs, at: 0 })
    this.#core.hasUnsynced = false
  }

  /** Tells the client, and makes sure that upstream agrees about the state of the transaction. */
  #refuseSimple(refusal: Refusal, after: Ticket): void {
    const { ledger, outbox, status } = this.#core
    const error = encodeRefusal(refusal)
    if (this.#core.isQuiet && status !== 'T') {
      outbox.send('client', error, after)
      outbox.send('client', encodeReadyForQuery(status), after)
      return
    }
    outbox.send('server', serialize.query(poisonSql), after)
    ledger.expect({ kind: 'poison', say: error, after, endsCycle: true })
    this.#core.hasUnsynced = false
  }

  /** Records every statement of a refused text; the refusal is that of the first one denied. */
  #recordRefused(statements: readonly Judged[], whole: Statement): [Refusal, Ticket] {
    const { recorder } = this.#core
    const denied = statements.find(({ decision }) => decision.verdict === 'deny') ?? statements[0]
    let refusal = plainRefusal('nothing was run', '')
    let ticket: Ticket = recorder.lastTicket
    for (const judged of statements) {
      const event = recorder.newEvent()
      const decision = judged.decision.verdict === 'deny' ? judged.decision : sharedFate
      const sql = statements.length === 1 ? whole.sql : judged.text
      ticket = recorder.refused({ ...whole, sql, facts: judged.facts }, decision, event)
      if (judged === denied && decision.verdict === 'deny') refusal = refusalOf(decision, event)
    }
    return [refusal, ticket]
  }

  #startHold(judged: Judged, statement: Statement, then: AfterHold): void {
    const core = this.#core
    if (judged.decision.verdict !== 'hold') return
    if (core.status !== 'I' || core.hasUnsynced) {
      const reason = 'it needs an approval, and a statement waits for one only outside a transaction'
      const fix = 'End the transaction, then send the statement on its own'
      const rule = judged.decision.rules[0]?.id ?? 'hoop:approval-outside-transaction'
      const denial = { ...builtInDenial({ rule, reason, fix, position: 0 }), rules: judged.decision.rules }
      return then.refuse(...this.#recordRefused([{ ...judged, decision: denial }], statement))
    }
    this.#lastHold += 1
    this.#waiting = 'hold'
    this.#hold = {
      id: this.#lastHold,
      event: core.recorder.newEvent(),
      judged,
      decision: judged.decision,
      statement,
      request: '',
      release: (request) => this.#release(judged, statement, { ...then, request }),
      refuse: then.refuse,
    }
    requestHold(core, this.#hold)
  }

  /** Approved: decided once more under the policy of this moment, with the review it wanted given. */
  #release(judged: Judged, statement: Statement, then: AfterHold & { readonly request: string }): void {
    const decision = this.#core.ports.decide(judged.facts, true)
    if (decision.verdict === 'allow') return then.release({ ...judged, decision }, then.request)
    const denial = decision.verdict === 'deny' ? decision : policyMoved
    then.refuse(...this.#recordRefused([{ ...judged, decision: denial }], statement))
  }

  #statementOf(judged: Judged | undefined, sql: string): Statement {
    const facts = judged?.facts
    return {
      sql: judged?.text ?? sql,
      facts: facts ?? noFacts,
      protocol: facts && facts.copy !== 'none' ? 'copy' : 'simple',
      params: [],
      inTransaction: this.#core.status !== 'I',
    }
  }
}
