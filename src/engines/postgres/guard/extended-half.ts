import { serialize } from 'pg-protocol'
import type { StatementStarted } from '../../../audit/entry.ts'
import { encodeReadyForQuery } from '../wire/backend-messages.ts'
import { decodeText } from '../wire/body-reader.ts'
import type { Piece } from '../wire/frame-reader.ts'
import {
  type BindMessage,
  decodeBind,
  decodeExecute,
  decodeParse,
  decodeTarget,
  formatAt,
} from '../wire/frontend-messages.ts'
import { frontend } from '../wire/message-type.ts'
import type { AfterHold } from './client-half.ts'
import type { Core } from './core.ts'
import type { Ticket } from './effect.ts'
import { builtInDenial, type Judged, type Judgement } from './gate.ts'
import type { Statement } from './recorder.ts'
import { encodeRefusal, plainRefusal, poisonSql, type Refusal } from './refusal.ts'
import type { Portal, PreparedStatement } from './registry.ts'

/** What the extended half needs of the half it is a part of. */
export interface ExtendedPorts {
  judge(sql: string): Judgement
  hold(judged: Judged, statement: Statement, then: AfterHold): void
  recordRefused(judged: Judged, statement: Statement): [Refusal, Ticket]
}

/** Why a message must be handled again later; nothing when it is done with. */
type Again = 'drain' | 'catalog' | undefined

/**
 * Parse, Bind, Describe, Execute, Close, Flush and Sync.
 *
 * A statement is judged at Parse, and again at Bind and Execute under the policy and catalog of that moment. Parse alone runs
 * nothing, but planning, which Bind starts, evaluates immutable functions: so nothing undecided gets as far as Bind. A Parse
 * whose statement needs an approval is kept back until its Bind, so that a held statement holds no lock at the server, and
 * what is approved includes the parameters.
 *
 * After a refusal everything up to Sync is absorbed, as the server would. If it has been sent anything since the last Sync,
 * or a transaction is open, it gets a statement it must refuse: what the client believes rolled back is rolled back.
 */
export class ExtendedHalf {
  readonly #core: Core
  readonly #ports: ExtendedPorts
  #deferred: { readonly bytes: Buffer; readonly statement: PreparedStatement } | null = null
  #isAbsorbing = false

  constructor(core: Core, ports: ExtendedPorts) {
    this.#core = core
    this.#ports = ports
  }

  handle(piece: Piece): Again {
    if (piece.type === frontend.sync) return this.#sync(piece.bytes)
    if (this.#isAbsorbing) return undefined
    switch (piece.type) {
      case frontend.parse:
        return this.#parse(piece.bytes)
      case frontend.bind:
        return this.#bind(piece.bytes)
      case frontend.describe:
        return this.#describe(piece.bytes)
      case frontend.execute:
        return this.#execute(piece.bytes)
      case frontend.close:
        return this.#close(piece.bytes)
      default:
        this.forwardDeferred()
        this.#core.outbox.send('server', piece.bytes, this.#core.recorder.lastTicket)
        return undefined
    }
  }

  /** Sends a Parse that was kept back, because something else than its Bind comes after it. */
  forwardDeferred(): void {
    const deferred = this.#deferred
    if (!deferred) return
    this.#deferred = null
    this.#forward(deferred.bytes)
    this.#core.ledger.expect({ kind: 'parse', statement: deferred.statement })
  }

  #forward(bytes: Buffer): void {
    this.#core.outbox.send('server', bytes, this.#core.recorder.lastTicket)
    this.#core.hasUnsynced = true
  }

  #parse(bytes: Buffer): Again {
    this.forwardDeferred()
    const { name, sql } = decodeParse(bytes.subarray(5))
    const judgement = this.#ports.judge(sql)
    if (judgement.kind === 'stale') return 'catalog'
    if (judgement.kind === 'busy') return 'drain'
    if (judgement.kind === 'refused') return this.#refuse(judgement.refusal, this.#core.recorder.lastTicket)
    const statement: PreparedStatement = { name, sql, body: null, fields: null }
    const [judged, second] = judgement.kind === 'judged' ? judgement.statements : []
    if (judged && second) {
      const why = plainRefusal(
        'a prepared statement holds one statement. Nothing was run',
        'Send them one by one',
        '42601',
      )
      return this.#refuse(why, this.#core.recorder.lastTicket)
    }
    if (judged?.decision.verdict === 'deny') return this.#refuseJudged(judged, sql, [])
    if (judged?.decision.verdict === 'hold') {
      this.#deferred = { bytes: Buffer.from(bytes), statement }
      return undefined
    }
    this.#forward(bytes)
    this.#core.ledger.expect({ kind: 'parse', statement })
    return undefined
  }

  #bind(bytes: Buffer): Again {
    const message = decodeBind(bytes.subarray(5))
    if (this.#deferred?.statement.name !== message.statement) this.forwardDeferred()
    const statement = this.#deferred?.statement ?? this.#findStatement(message.statement)
    if (statement === 'unknown') return 'drain'
    if (!statement) {
      return this.#refuseUnknown(`prepared statement "${message.statement}" does not exist`, '26000')
    }
    const judgement = statement.body ? this.#judgeBody(statement.body) : this.#ports.judge(statement.sql)
    if (judgement.kind === 'stale') return 'catalog'
    if (judgement.kind === 'busy') return 'drain'
    if (judgement.kind === 'refused') return this.#refuse(judgement.refusal, this.#core.recorder.lastTicket)
    const judged = judgement.kind === 'judged' ? judgement.statements[0] : undefined
    const params = shownParameters(message)
    if (judged?.decision.verdict === 'deny') return this.#refuseJudged(judged, statement.sql, params)
    if (judged?.decision.verdict !== 'hold') {
      this.#forwardBind(bytes, { statement, message, judged, params, approval: '' })
      return undefined
    }
    if (!this.#core.ledger.isEmpty) return 'drain'
    const held = Buffer.from(bytes)
    this.#ports.hold(judged, this.#statementOf(judged, statement.sql, params), {
      release: (approved, approval) =>
        this.#forwardBind(held, { statement, message, judged: approved, params, approval }),
      refuse: (refusal, after) => {
        this.#deferred = null
        this.#refuse(refusal, after)
      },
    })
    return undefined
  }

  #forwardBind(
    bytes: Buffer,
    bound: {
      statement: PreparedStatement
      message: BindMessage
      judged: Judged | undefined
      params: StatementStarted['params']
      approval: string
    },
  ): void {
    this.forwardDeferred()
    this.#forward(bytes)
    const portal: Portal = {
      name: bound.message.portal,
      statement: bound.statement,
      judged: bound.judged ?? null,
      params: bound.params,
      resultFormats: bound.message.resultFormats,
      fields: null,
      approval: bound.approval,
      run: null,
    }
    this.#core.ledger.expect({ kind: 'bind', portal })
  }

  #describe(bytes: Buffer): Again {
    this.forwardDeferred()
    const { kind, name } = decodeTarget(bytes.subarray(5))
    if (kind === 'statement') {
      const statement = this.#findStatement(name)
      if (statement === 'unknown') return 'drain'
      this.#forward(bytes)
      this.#core.ledger.expect({ kind: 'describe-statement', statement: statement ?? null })
      return undefined
    }
    const portal = this.#findPortal(name)
    if (portal === 'unknown') return 'drain'
    this.#forward(bytes)
    this.#core.ledger.expect({ kind: 'describe-portal', portal: portal ?? null, isOurs: false })
    return undefined
  }

  #execute(bytes: Buffer): Again {
    this.forwardDeferred()
    const { portal: name } = decodeExecute(bytes.subarray(5))
    const portal = this.#findPortal(name)
    if (portal === 'unknown') return 'drain'
    if (!portal) return this.#refuseUnknown(`portal "${name}" does not exist`, '34000')
    const standing = this.#core.ports.standing()
    if (standing.kind === 'paused') {
      return this.#refuse(plainRefusal(standing.reason, standing.hint), this.#core.recorder.lastTicket)
    }
    if (portal.run && !portal.run.isSettled) return this.#continue(bytes, portal)
    const { judged } = portal
    if (!judged) {
      this.#forward(bytes)
      this.#core.ledger.expect({ kind: 'execute', portal, run: null })
      return undefined
    }
    return this.#start(bytes, portal, judged)
  }

  /** More rows of a portal that was suspended: the same execution, already recorded. */
  #continue(bytes: Buffer, portal: Portal): Again {
    this.#forward(bytes)
    this.#core.ledger.expect({ kind: 'execute', portal, run: portal.run })
    return undefined
  }

  #start(bytes: Buffer, portal: Portal, judged: Judged): Again {
    // An approval is for one execution; a second one of the same portal is judged without it.
    const isApproved = portal.approval !== '' && !portal.run
    const decision = this.#core.ports.decide(judged.facts, isApproved)
    if (decision.verdict !== 'allow') {
      const denial = decision.verdict === 'deny' ? decision : approvalSpent
      return this.#refuseJudged({ ...judged, decision: denial }, portal.statement.sql, portal.params)
    }
    const statement = this.#statementOf(judged, portal.statement.sql, portal.params)
    const run = this.#core.recorder.started(statement, decision, isApproved ? portal.approval : '')
    this.#core.noticeSensitive(run)
    this.#describeFirst(portal, judged)
    portal.run = run
    this.#forward(bytes)
    this.#core.ledger.expect({ kind: 'execute', portal, run })
    return undefined
  }

  /** Drivers leave Describe out when they know the columns already; we ask for ourselves what the rows will be. */
  #describeFirst(portal: Portal, judged: Judged): void {
    if (judged.facts.outputs === null || portal.fields || this.#core.ledger.describes(portal)) return
    const known = portal.statement.fields
    if (known) {
      portal.fields = known.map((field, at) => ({ ...field, format: formatAt(portal.resultFormats, at) }))
      return
    }
    this.#forward(serialize.describe({ type: 'P', name: portal.name }))
    this.#core.ledger.expect({ kind: 'describe-portal', portal, isOurs: true })
  }

  #close(bytes: Buffer): Again {
    this.forwardDeferred()
    const { kind, name } = decodeTarget(bytes.subarray(5))
    this.#forward(bytes)
    this.#core.ledger.expect({ kind: 'close', target: kind, name })
    return undefined
  }

  #sync(bytes: Buffer): Again {
    const { ledger, outbox, recorder, status } = this.#core
    if (this.#isAbsorbing) {
      this.#isAbsorbing = false
      if (this.#core.isQuiet && status !== 'T') {
        outbox.send('client', encodeReadyForQuery(status), recorder.lastTicket)
        return undefined
      }
      outbox.send('server', serialize.parse({ text: poisonSql }), recorder.lastTicket)
      ledger.expect({ kind: 'poison', say: null, after: recorder.lastTicket, endsCycle: false })
    } else {
      this.forwardDeferred()
    }
    outbox.send('server', bytes, recorder.lastTicket)
    ledger.expect({ kind: 'sync' })
    this.#core.hasUnsynced = false
    return undefined
  }

  #refuseJudged(judged: Judged, sql: string, params: StatementStarted['params']): Again {
    const [refusal, ticket] = this.#ports.recordRefused(judged, this.#statementOf(judged, sql, params))
    return this.#refuse(refusal, ticket)
  }

  #refuseUnknown(what: string, sqlstate: string): Again {
    return this.#refuse({ sqlstate, message: what, detail: '', hint: '', position: 0 }, this.#core.recorder.lastTicket)
  }

  /** In its turn: after the replies to what went before, and before anything that comes after. */
  #refuse(refusal: Refusal, after: Ticket): Again {
    this.#isAbsorbing = true
    this.#core.ledger.expect({ kind: 'say', bytes: encodeRefusal(refusal), after })
    this.#core.speak()
    return undefined
  }

  #judgeBody(facts: Judged['facts']): Judgement {
    const decision = this.#core.ports.decide(facts, false)
    return { kind: 'judged', statements: [{ text: '', facts, decision }] }
  }

  #findStatement(name: string): PreparedStatement | 'unknown' | undefined {
    return this.#core.ledger.pendingStatement(name) ?? this.#core.registry.statements.get(name)
  }

  #findPortal(name: string): Portal | 'unknown' | undefined {
    return this.#core.ledger.pendingPortal(name) ?? this.#core.registry.portals.get(name)
  }

  #statementOf(judged: Judged, sql: string, params: StatementStarted['params']): Statement {
    const protocol = judged.facts.copy === 'none' ? 'extended' : 'copy'
    return { sql, facts: judged.facts, protocol, params, inTransaction: this.#core.status !== 'I' }
  }
}

const approvalSpent = builtInDenial({
  rule: 'hoop:approval-spent',
  reason: 'an approval is for one execution, and this one needs its own',
  fix: 'Bind it again: that asks for a new approval',
  position: 0,
})

/** Parameters as the record shows them: text as text, binary by its size. */
function shownParameters(message: BindMessage): StatementStarted['params'] {
  return message.parameters.map((value, at) => {
    if (value === null) return null
    return formatAt(message.parameterFormats, at) === 1 ? { binaryBytes: value.length } : decodeText(value)
  })
}
