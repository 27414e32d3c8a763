import { planResult, type ResultPlan } from '../../../masking/result-plan.ts'
import {
  decodeCommandComplete,
  decodeDataRow,
  decodeParameterStatus,
  decodeReadyForQuery,
  decodeReport,
  decodeRowDescription,
  encodeDataRow,
  rowsOfTag,
} from '../wire/backend-messages.ts'
import { FrameReader, type Piece } from '../wire/frame-reader.ts'
import { backend, backendTypes, typeName } from '../wire/message-type.ts'
import { WireError } from '../wire/wire-error.ts'
import type { Core } from './core.ts'
import type { LedgerEntry } from './ledger.ts'
import type { Portal } from './registry.ts'
import type { Run } from './run.ts'
import { dropPayload, scrubReport } from './scrub.ts'

const maxOpenedBytes = 256 * 1024 * 1024

/** Settings whose change would make the server read statement texts otherwise than our parser does. */
const pinned: ReadonlyMap<string, string> = new Map([
  ['client_encoding', 'UTF8'],
  ['standard_conforming_strings', 'on'],
])

/**
 * What comes from the server. Every message belongs to the entry at the head of the ledger; one that belongs to none is an
 * error that ends the connection. Rows without masks are passed on as they came.
 */
export class ServerHalf {
  readonly #core: Core
  readonly #frames: FrameReader

  constructor(core: Core) {
    this.#core = core
    this.#frames = new FrameReader({
      known: backendTypes,
      isOpened: (type) => (type === backend.dataRow ? this.#opensRows() : type !== backend.copyData),
      maxOpenedBytes,
    })
  }

  receive(chunk: Buffer): void {
    for (const piece of this.#frames.read(chunk)) {
      this.#handle(piece)
      if (this.#core.isClosed) return
    }
  }

  #handle(piece: Piece): void {
    const body = piece.bytes.subarray(5)
    switch (piece.type) {
      case backend.dataRow:
        return this.#dataRow(piece)
      case backend.rowDescription:
        return this.#rowDescription(piece, body)
      case backend.noData:
        return this.#noData(piece)
      case backend.commandComplete:
        return this.#complete(piece, decodeCommandComplete(body))
      case backend.emptyQueryResponse:
        return this.#complete(piece, '')
      case backend.portalSuspended:
        return this.#suspended(piece)
      case backend.errorResponse:
        return this.#error(piece, body)
      case backend.noticeResponse:
        return this.#report('notice', piece, body)
      case backend.readyForQuery:
        return this.#ready(piece, body)
      case backend.parameterStatus:
        return this.#parameterStatus(piece, body)
      case backend.notificationResponse:
        return this.#pass(dropPayload(body))
      default:
        return this.#acknowledgement(piece)
    }
  }

  /** Messages that say no more than that something was done. */
  #acknowledgement(piece: Piece): void {
    const { ledger, registry } = this.#core
    const head = ledger.head
    switch (piece.type) {
      case backend.parseComplete:
        if (head?.kind !== 'parse') throw outOfPhase(piece)
        registry.statements.set(head.statement.name, head.statement)
        return this.#settleAndPass(piece)
      case backend.bindComplete:
        if (head?.kind !== 'bind') throw outOfPhase(piece)
        registry.portals.set(head.portal.name, head.portal)
        return this.#settleAndPass(piece)
      case backend.closeComplete:
        if (head?.kind !== 'close') throw outOfPhase(piece)
        this.#forget(head)
        return this.#settleAndPass(piece)
      case backend.parameterDescription:
        if (head?.kind !== 'describe-statement') throw outOfPhase(piece)
        return this.#pass(piece.bytes)
      case backend.copyInResponse:
      case backend.copyOutResponse:
        return this.#copyBegins(piece)
      case backend.copyData:
      case backend.copyDone:
        return this.#copyGoesOn(piece)
      default:
        throw outOfPhase(piece)
    }
  }

  /** The execution whose rows are coming in. */
  #currentRun(): Run | null {
    const head = this.#core.ledger.head
    if (head?.kind === 'query') return head.runs[head.at] ?? null
    return head?.kind === 'execute' ? head.run : null
  }

  #opensRows(): boolean {
    const head = this.#core.ledger.head
    if (head?.kind === 'ask') return true
    const run = this.#currentRun()
    return !run || this.#planOf(run, head).kind !== 'pass'
  }

  /** How the rows of `run` are written: of a portal it is worked out when its first row comes. */
  #planOf(run: Run, head: LedgerEntry | undefined): ResultPlan {
    if (run.plan) return run.plan
    const fields = head?.kind === 'execute' ? head.portal.fields : null
    if (!fields) return { kind: 'mismatch', why: 'rows came that the server has not described' }
    run.plan = planResult({ facts: run.facts, rules: run.decision.outputs, fields })
    return run.plan
  }

  #dataRow(piece: Piece): void {
    const head = this.#core.ledger.head
    if (head?.kind === 'ask') {
      head.ask.rows.push(decodeDataRow(piece.bytes.subarray(5)).map((cell) => cell?.toString('utf8') ?? null))
      return
    }
    const run = this.#currentRun()
    if (!run) throw outOfPhase(piece)
    const plan = this.#planOf(run, head)
    if (plan.kind === 'mismatch') return this.#withhold(run, plan.why)
    if (piece.first) run.rowsReturned += 1
    run.bytesReturned += piece.bytes.length
    if (plan.kind === 'pass') return this.#core.outbox.send('client', piece.bytes, run.ticket)
    const cells = decodeDataRow(piece.bytes.subarray(5))
    if (cells.length !== plan.masks.length) return this.#withhold(run, 'a row has another number of columns')
    const masked = cells.map((cell, at) => {
      const mask = plan.masks[at]
      return cell && mask ? mask(cell) : cell
    })
    this.#core.outbox.send('client', encodeDataRow(masked), run.ticket)
  }

  #rowDescription(piece: Piece, body: Buffer): void {
    const head = this.#core.ledger.head
    const fields = decodeRowDescription(body)
    switch (head?.kind) {
      case 'ask':
        return
      case 'query': {
        const run = this.#currentRun()
        if (!run) throw outOfPhase(piece)
        run.plan = planResult({ facts: run.facts, rules: run.decision.outputs, fields })
        if (run.plan.kind === 'mismatch') return this.#withhold(run, run.plan.why)
        return this.#core.outbox.send('client', piece.bytes, run.ticket)
      }
      case 'describe-statement':
        if (head.statement) head.statement.fields = fields
        return this.#settleAndPass(piece)
      case 'describe-portal':
        if (head.portal) head.portal.fields = fields
        if (!head.isOurs) this.#pass(piece.bytes)
        return this.#settle()
      default:
        throw outOfPhase(piece)
    }
  }

  #noData(piece: Piece): void {
    const head = this.#core.ledger.head
    if (head?.kind === 'describe-statement' && head.statement) head.statement.fields = []
    else if (head?.kind === 'describe-portal' && head.portal) head.portal.fields = []
    else if (head?.kind !== 'describe-statement' && head?.kind !== 'describe-portal') throw outOfPhase(piece)
    if (!(head.kind === 'describe-portal' && head.isOurs)) this.#pass(piece.bytes)
    this.#settle()
  }

  #complete(piece: Piece, tag: string): void {
    const head = this.#core.ledger.head
    if (head?.kind === 'ask') return
    const run = this.#currentRun()
    this.#core.outbox.send('client', piece.bytes, run?.ticket ?? this.#core.recorder.lastTicket)
    if (run) this.#finish(run, tag)
    if (head?.kind === 'query') head.at += 1
    else if (head?.kind === 'execute') this.#settle()
    else throw outOfPhase(piece)
  }

  #finish(run: Run, tag: string): void {
    const { ports, registry, recorder } = this.#core
    const { session } = run.facts
    const rowsAffected = /^(INSERT|UPDATE|DELETE|MERGE|COPY)\b/.test(tag) ? rowsOfTag(tag) : 0
    recorder.finished(run, { outcome: 'completed', sqlstate: '', rowsAffected })
    if (run.facts.changesCatalog) {
      ports.catalog.expire()
      this.#core.hasChangedCatalog = true
    }
    registry.apply(session)
  }

  #suspended(piece: Piece): void {
    const head = this.#core.ledger.head
    if (head?.kind !== 'execute') throw outOfPhase(piece)
    this.#core.outbox.send('client', piece.bytes, head.run?.ticket ?? 0)
    this.#settle()
  }

  #error(piece: Piece, body: Buffer): void {
    const { ledger, outbox, recorder } = this.#core
    const head = ledger.head
    const sqlstate = decodeReport(body).get('C') ?? ''
    if (head?.kind === 'ask') {
      head.ask.failed = sqlstate
      return
    }
    if (head?.kind === 'poison') {
      if (head.say) outbox.send('client', head.say, head.after)
      if (!head.endsCycle) this.#settle()
      return
    }
    this.#report('error', piece, body)
    const failed = this.#currentRun()
    if (failed) {
      const outcome = sqlstate === '57014' ? 'cancelled' : 'failed'
      recorder.finished(failed, { outcome, sqlstate, rowsAffected: 0 })
    }
    const skipped = head?.kind === 'query' ? head.runs.slice(head.at + 1) : ledger.skipToSync()
    // Planning happens at Bind: an execution whose Bind failed has failed with it.
    const failedAtBind = head?.kind === 'bind' ? head.portal.run : null
    for (const run of skipped) {
      recorder.finished(run, { outcome: run === failedAtBind ? 'failed' : 'not-run', sqlstate, rowsAffected: 0 })
    }
    if (head?.kind === 'query') head.at = head.runs.length
  }

  #report(kind: 'error' | 'notice', piece: Piece, body: Buffer): void {
    const { isSensitive, sensitiveEvent } = this.#core
    this.#pass(isSensitive ? scrubReport(kind, body, sensitiveEvent) : piece.bytes)
  }

  #ready(piece: Piece, body: Buffer): void {
    const { ledger, registry } = this.#core
    this.#core.status = decodeReadyForQuery(body)
    const head = ledger.head
    const endsCycle = head?.kind === 'query' || head?.kind === 'sync' || (head?.kind === 'poison' && head.endsCycle)
    if (!endsCycle && head?.kind !== 'ask') throw outOfPhase(piece)
    if (this.#core.status === 'I' && head.kind !== 'ask') {
      for (const portal of registry.takePortals()) this.#endPortal(portal)
      this.#core.isSensitive = false
      if (this.#core.hasChangedCatalog) this.#core.ports.catalog.expire()
      this.#core.hasChangedCatalog = false
    }
    if (head.kind !== 'ask') this.#pass(piece.bytes)
    this.#settle()
    if (head.kind === 'ask') head.ask.done(head.ask)
  }

  /** The transaction is over: a portal that was left suspended gave what it gave. */
  #endPortal(portal: Portal): void {
    if (portal.run) this.#core.recorder.finished(portal.run, { outcome: 'completed', sqlstate: '', rowsAffected: 0 })
  }

  #parameterStatus(piece: Piece, body: Buffer): void {
    const [name, value] = decodeParameterStatus(body)
    const wanted = pinned.get(name)
    if (wanted !== undefined && value !== wanted) {
      return this.#core.fatal('57P01', `setting "${name}" was changed to a value under which nothing can be judged`)
    }
    this.#pass(piece.bytes)
  }

  #copyBegins(piece: Piece): void {
    const run = this.#currentRun()
    const wanted = piece.type === backend.copyInResponse ? 'in' : 'out'
    if (!run) throw outOfPhase(piece)
    if (run.facts.copy !== wanted) return this.#withhold(run, `a COPY ${wanted} began that was not foreseen`)
    this.#core.outbox.send('client', piece.bytes, run.ticket)
  }

  #copyGoesOn(piece: Piece): void {
    const run = this.#currentRun()
    if (run?.facts.copy !== 'out') throw outOfPhase(piece)
    if (piece.type === backend.copyData) {
      if (piece.first) run.rowsReturned += 1
      run.bytesReturned += piece.bytes.length
    }
    this.#core.outbox.send('client', piece.bytes, run.ticket)
  }

  /** The server answers something else than was proven: nothing of it is released, and nothing more is trusted. */
  #withhold(run: Run, why: string): void {
    this.#core.recorder.finished(run, { outcome: 'failed', sqlstate: '42501', rowsAffected: 0 })
    this.#core.outbox.add({ kind: 'cancel-upstream' })
    this.#core.fatal('42501', `the result was withheld: ${why}. Recorded as ${run.event}`)
  }

  #forget(head: Extract<LedgerEntry, { kind: 'close' }>): void {
    const { statements, portals } = this.#core.registry
    if (head.target === 'statement') {
      statements.delete(head.name)
      return
    }
    const portal = portals.get(head.name)
    if (portal) this.#endPortal(portal)
    portals.delete(head.name)
  }

  #settleAndPass(piece: Piece): void {
    this.#pass(piece.bytes)
    this.#settle()
  }

  #settle(): void {
    this.#core.ledger.settle()
    this.#core.speak()
  }

  #pass(bytes: Buffer): void {
    this.#core.outbox.send('client', bytes, this.#core.recorder.lastTicket)
  }
}

function outOfPhase(piece: Piece): WireError {
  return new WireError('WIRE_OUT_OF_PHASE', `Cannot place message ${typeName(piece.type)}: nothing asked for it`)
}
