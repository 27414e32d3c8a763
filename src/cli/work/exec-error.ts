import type { DatabaseError } from 'pg-protocol'
import { AppError, type ErrorCode, type ErrorDetails } from '../../base/app-error.ts'
import { DatabaseRejection } from '../error-report.ts'
import type { StatementWatch } from './statement-watch.ts'

/** How far a run had come when a statement failed. */
export interface Progress {
  /** 0-based place of the statement that failed. */
  readonly index: number
  readonly total: number
  /** The statements before it were part of its transaction. */
  readonly isInTransaction: boolean
}

/** Why we stopped a statement ourselves; undefined when we did not. */
export type StoppedBy = 'time' | 'wait' | 'no-wait' | undefined

/** Names what happened to a statement, from its records first and the error's own words second. */
export function execError(
  error: unknown,
  { watch, progress, stoppedBy }: { watch: StatementWatch; progress: Progress; stoppedBy: StoppedBy },
): AppError {
  if (error instanceof AppError) return error
  const details = detailsOf(error, watch, progress)
  const before = beforeLines(progress)
  const fail = (code: ErrorCode, lines: readonly string[], hint?: string): AppError =>
    new AppError(code, [...lines, ...before].join('\n'), hint === undefined ? details : { ...details, hint })

  if (stoppedBy === 'wait' || stoppedBy === 'no-wait' || wasRefused(watch))
    return approvalError(error, { watch, stoppedBy, fail })
  if (!isDatabaseError(error)) return lostError(watch, fail)
  if (isDenial(error, watch)) return denialError(error, watch, fail)
  if (stoppedBy === 'time') {
    return fail('STATEMENT_STOPPED', ['Stopped at its time limit; it is rolled back'], 'Give it longer: --timeout 5m')
  }
  if (error.code === '58030') return fail('AUDIT_UNAVAILABLE', [own(error.message)], error.hint)
  if (error.code === '57014') return fail('STATEMENT_STOPPED', [`Stopped by the database: ${error.message}`])
  if (error.code === '57P01') return endedError(error, watch, fail)
  return new DatabaseRejection('SQL_REJECTED', [...databaseLines(error), ...before].join('\n'), details)
}

type Fail = (code: ErrorCode, lines: readonly string[], hint?: string) => AppError

/** A refusal by rule is known by its record; one of the wire, which has none, by its words. */
function isDenial(error: DatabaseError, watch: StatementWatch): boolean {
  return watch.started?.verdict === 'denied' || (error.code === '42501' && error.message.startsWith('hoop: '))
}

function denialError(error: DatabaseError, watch: StatementWatch, fail: Fail): AppError {
  const [rule] = watch.started?.rules ?? []
  if (rule === undefined) return fail('POLICY_DENIED', [own(error.message)], error.hint)
  if (rule.id === 'hoop:syntax') {
    return fail('SQL_REJECTED', [`Not understood as SQL of PostgreSQL: ${watch.started?.why ?? ''}`], error.hint)
  }
  const where = rule.line > 0 ? ` (${rule.file}:${rule.line})` : ''
  return fail('POLICY_DENIED', [`Blocked by rule "${rule.id}"`, `${watch.started?.why ?? ''}${where}`], error.hint)
}

/** The statement waited and was not released. */
function wasRefused(watch: StatementWatch): boolean {
  return watch.held !== null && watch.started?.verdict !== 'approved' && watch.finished?.outcome === 'not-run'
}

function approvalError(
  error: unknown,
  { watch, stoppedBy, fail }: { watch: StatementWatch; stoppedBy: StoppedBy; fail: Fail },
): AppError {
  const request = watch.held?.request ?? ''
  const rule = watch.held?.rules[0]?.id ?? ''
  if (stoppedBy === 'no-wait') {
    return fail(
      'APPROVAL_REQUIRED',
      [`Needs approval by rule "${rule}", and was not to be waited for`, watch.held?.why ?? ''],
      'Send it again and wait: --wait 10m',
    )
  }
  if (stoppedBy === 'wait') {
    return fail(
      'APPROVAL_TIMEOUT',
      [`The wait for approval of ${request} ran out (rule "${rule}"); it is taken back`],
      'Send it again with a longer wait: --wait 30m',
    )
  }
  if (!isDatabaseError(error)) return fail('APPROVAL_REFUSED', [`${request} was taken back`])
  if (request === '') return fail('SERVER_UNREACHABLE', [own(error.message)], error.hint)
  if (error.code === '57014') return fail('APPROVAL_TIMEOUT', [own(error.message)], error.hint)
  return fail('APPROVAL_REFUSED', [own(error.message)], error.hint)
}

/** The session was ended. The database's own word for it means a rollback; without that word nobody knows. */
function endedError(error: DatabaseError, watch: StatementWatch, fail: Fail): AppError {
  if (watch.mayHaveWritten && watch.finished?.outcome !== 'failed') return lostError(watch, fail)
  return fail('STATEMENT_STOPPED', [own(error.message)], error.hint)
}

/** The link broke while the statement was under way, and nobody said why. */
function lostError(watch: StatementWatch, fail: Fail): AppError {
  if (watch.mayHaveWritten) {
    const audit = watch.started?.id ?? ''
    return fail(
      'OUTCOME_UNKNOWN',
      ['The link to the database was lost after the statement was sent'],
      `Look before you send it again: hoop audit show ${audit}`,
    )
  }
  return fail('DATABASE_UNREACHABLE', ['The link to the database was lost; nothing was changed'])
}

function detailsOf(error: unknown, watch: StatementWatch, progress: Progress): ErrorDetails {
  const rule = watch.started?.verdict === 'denied' || watch.held !== null ? watch.started?.rules[0]?.id : undefined
  const request = watch.held?.request
  return {
    ...(watch.started ? { audit: watch.started.id } : {}),
    ...(rule === undefined ? {} : { rule }),
    ...(request ? { request } : {}),
    ...(isDatabaseError(error) && error.code !== undefined ? { sqlstate: error.code } : {}),
    ...(progress.index > 0 && !progress.isInTransaction ? { ran: 'partly' } : {}),
    cause: error,
  }
}

function beforeLines({ index, total, isInTransaction }: Progress): readonly string[] {
  if (total === 1) return []
  if (index === 0) return [`It is the first of ${total} statements; the others were not tried`]
  const fate = isInTransaction ? 'are rolled back with it' : 'had run'
  return [`It is statement ${index + 1} of ${total}: ${index} before it ${fate}, the rest was not tried`]
}

/** The database's own text, untouched but for its length. */
function databaseLines(error: DatabaseError): readonly string[] {
  return [
    `${error.severity ?? 'ERROR'}:  ${error.message}`,
    ...(error.detail ? [`DETAIL:  ${error.detail}`] : []),
    ...(error.hint ? [`HINT:  ${error.hint}`] : []),
  ].flatMap((line) => line.split('\n'))
}

/** Our words as they travelled through the wire, without the prefix that told them from the database's. */
function own(message: string): string {
  const text = message.replace(/^hoop: /, '').replace(/\. Nothing was run$/, '')
  return /^req_/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1)
}

function isDatabaseError(error: unknown): error is DatabaseError {
  return error instanceof Error && 'severity' in error
}
