import { type Asker, askConnect } from './ask.ts'
import type { RuleRef } from './decision.ts'

/** Whether somebody may open a session. */
export interface ConnectDecision {
  readonly verdict: 'allow' | 'deny'
  readonly rules: readonly RuleRef[]
  readonly reason: string
}

/** Decides about opening a session. Pure. */
export function decideConnect(asker: Asker): ConnectDecision {
  const answer = askConnect(asker)
  const rules = answer.rules.map(({ id, file, line }) => ({ id, file, line }))
  if (answer.isPermitted) return { verdict: 'allow', rules, reason: '' }
  const [rule] = answer.rules
  return { verdict: 'deny', rules, reason: rule?.annotations['reason'] ?? 'no rule permits it' }
}
