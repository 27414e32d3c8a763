import type { Denied } from '../../../policy/decision.ts'
import { encodeReport } from '../wire/backend-messages.ts'

/** Messages of ours to the client, worded alike whatever refused: what, why, the next step, and where to look it up. */

/** A refusal in words. `event` is the audit record that tells of it; empty where nothing was recorded. */
export interface Refusal {
  readonly sqlstate: string
  readonly message: string
  readonly detail: string
  readonly hint: string
  /** 1-based character of the text the client sent; 0 where it has none. */
  readonly position: number
}

/** SQLSTATE insufficient_privilege: no driver takes it for something to try again. */
const denied = '42501'

/** SQLSTATE syntax_error, for what PostgreSQL's own grammar does not take. */
const syntaxError = '42601'

export function refusalOf(decision: Denied, event: string): Refusal {
  const [rule] = decision.rules
  if (rule?.id === 'hoop:syntax') {
    const detail = `Nothing was run. Recorded as ${event}.`
    return { sqlstate: syntaxError, message: decision.reason, detail, hint: '', position: decision.position }
  }
  const where = rule && rule.line > 0 ? ` (${rule.file}:${rule.line})` : ''
  const owner = decision.owner ? ` Owner: ${decision.owner}.` : ''
  return {
    sqlstate: denied,
    message: `hoop: blocked by rule "${rule?.id ?? 'none'}": ${decision.reason}. Nothing was run`,
    detail: `Rule ${rule?.id ?? 'none'}${where}.${owner} Recorded as ${event}.`,
    hint: decision.fix ?? 'Ask the owner of the policy for a rule that permits this',
    position: decision.position,
  }
}

/** A refusal that no rule of the policy made. */
export function plainRefusal(message: string, hint: string, sqlstate = denied): Refusal {
  return { sqlstate, message: `hoop: ${message}`, detail: '', hint, position: 0 }
}

/** A statement the parser of the database must refuse: sent to fail a transaction the client believes failed. */
export const poisonSql = 'hoop refused this statement'

/** The ErrorResponse of a refusal. Never FATAL: the session lives on. */
export function encodeRefusal(refusal: Refusal): Buffer {
  const fields = new Map([
    ['S', 'ERROR'],
    ['V', 'ERROR'],
    ['C', refusal.sqlstate],
    ['M', refusal.message],
  ])
  if (refusal.detail) fields.set('D', refusal.detail)
  if (refusal.hint) fields.set('H', refusal.hint)
  if (refusal.position > 0) fields.set('P', String(refusal.position))
  return encodeReport('error', fields)
}

export function encodeFatal(sqlstate: string, message: string): Buffer {
  return encodeReport(
    'error',
    new Map([
      ['S', 'FATAL'],
      ['V', 'FATAL'],
      ['C', sqlstate],
      ['M', message],
    ]),
  )
}

export function encodeNotice(message: string, detail: string, hint: string): Buffer {
  return encodeReport(
    'notice',
    new Map([
      ['S', 'NOTICE'],
      ['V', 'NOTICE'],
      ['C', '00000'],
      ['M', message],
      ['D', detail],
      ['H', hint],
    ]),
  )
}
