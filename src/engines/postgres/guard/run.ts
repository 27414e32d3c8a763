import type { ResultPlan } from '../../../masking/result-plan.ts'
import type { Allowed } from '../../../policy/decision.ts'
import type { Facts } from '../../engine.ts'
import type { Ticket } from './effect.ts'

/** One statement from the moment it is forwarded until the database has answered it. */
export interface Run {
  readonly event: string
  readonly facts: Facts
  readonly decision: Allowed
  readonly startedMonotonicMs: number
  /** Nothing of its result leaves before this record is durable. */
  readonly ticket: Ticket
  /** How its rows are written; null until the server has described them. */
  plan: ResultPlan | null
  rowsReturned: number
  bytesReturned: number
  isSettled: boolean
  /** Its result was cut off because it is not what was proven; the client has been told. */
  isAborted: boolean
}

export function newRun(run: Pick<Run, 'event' | 'facts' | 'decision' | 'startedMonotonicMs' | 'ticket'>): Run {
  return { ...run, plan: null, rowsReturned: 0, bytesReturned: 0, isSettled: false, isAborted: false }
}
