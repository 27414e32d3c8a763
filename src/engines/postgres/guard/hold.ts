import type { Held } from '../../../policy/decision.ts'
import type { Core } from './core.ts'
import type { HoldId, HoldOutcome, Ticket } from './effect.ts'
import type { Judged } from './gate.ts'
import type { Statement } from './recorder.ts'
import { encodeNotice, plainRefusal, type Refusal } from './refusal.ts'

/** A statement that waits for people. Nothing of it has reached the database, so it holds no lock there. */
export interface WaitingHold {
  readonly id: HoldId
  readonly event: string
  readonly judged: Judged
  readonly decision: Held
  readonly statement: Statement
  /** Its request at the server; empty until that has answered. */
  request: string
  /** Runs it, under the request that approved it. */
  readonly release: (request: string) => void
  readonly refuse: (refusal: Refusal, after: Ticket) => void
}

/** Asks for an approval; the answer comes through `openHold` and `settleHold`. */
export function requestHold(core: Core, hold: WaitingHold): void {
  const { decision, statement } = hold
  core.outbox.add({
    kind: 'hold',
    hold: hold.id,
    request: {
      event: hold.event,
      sql: statement.sql,
      params: statement.params,
      searchPath: core.ports.catalog.current()?.searchPath.join(', ') ?? '',
      rule: decision.rules[0]?.id ?? '',
      reason: decision.reason,
      approvers: decision.approvers,
      count: decision.count,
    },
  })
}

/** The request exists: recorded, then the client is told at once, while its statement goes on waiting. */
export function openHold(
  core: Core,
  hold: WaitingHold,
  request: { id: string; url: string; approveWith: string },
): void {
  hold.request = request.id
  const ticket = core.recorder.held(hold.statement, hold.decision, { event: hold.event, request: request.id })
  const rule = hold.decision.rules[0]?.id ?? ''
  core.outbox.send(
    'client',
    encodeNotice(
      `hoop: waiting for approval ${request.id}: ${hold.decision.reason}. Nothing has run`,
      `Rule ${rule} wants ${hold.decision.count} of ${hold.decision.approvers.join(', ')}. See ${request.url}`,
      `An approver can run: ${request.approveWith}. Cancel to take the statement back`,
    ),
    ticket,
  )
}

/** Ends a hold the way it came out: released, or refused with the reason. */
export function settleHold(core: Core, hold: WaitingHold, outcome: HoldOutcome): void {
  if (outcome.kind === 'approved') {
    // The wait is over; what runs now has a record of its own, under the same request.
    core.recorder.notRun(hold.event, '')
    return hold.release(outcome.request)
  }
  const refusal = refusalOfOutcome(outcome)
  if (hold.request === '') core.recorder.held(hold.statement, hold.decision, { event: hold.event, request: '' })
  hold.refuse(refusal, core.recorder.notRun(hold.event, refusal.sqlstate))
}

function refusalOfOutcome(outcome: Exclude<HoldOutcome, { kind: 'approved' }>): Refusal {
  switch (outcome.kind) {
    case 'rejected': {
      const because = outcome.reason ? `: ${outcome.reason}` : ''
      return plainRefusal(`${outcome.request} was rejected by ${outcome.by}${because}. Nothing was run`, 'Talk to them')
    }
    case 'expired':
      return plainRefusal(
        `${outcome.request} ran out before it was approved. Nothing was run`,
        'Send it again',
        '57014',
      )
    case 'failed':
      return plainRefusal(`no approval could be asked for: ${outcome.message}. Nothing was run`, 'Try again later')
    default:
      return outcome satisfies never
  }
}
