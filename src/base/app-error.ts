import { type ExitCode, exitCodes } from './exit-code.ts'

/** Every code a user can meet, and the exit code it ends a command with. Closed: a new failure gets a new line here. */
export const errorCodes = {
  UNEXPECTED: exitCodes.unexpected,
  USAGE: exitCodes.usage,
  CONFIG_INVALID: exitCodes.usage,
  POLICY_INVALID: exitCodes.usage,
  SQL_REJECTED: exitCodes.sqlRejected,
  LOGIN_REQUIRED: exitCodes.signIn,
  LOGIN_EXPIRED: exitCodes.signIn,
  LOGIN_FAILED: exitCodes.signIn,
  CONNECTION_NOT_GRANTED: exitCodes.notGranted,
  ACTION_NOT_GRANTED: exitCodes.notGranted,
  NOT_FOUND: exitCodes.notGranted,
  POLICY_DENIED: exitCodes.denied,
  APPROVAL_REQUIRED: exitCodes.approvalNeeded,
  APPROVAL_REFUSED: exitCodes.approvalRefused,
  APPROVAL_TIMEOUT: exitCodes.approvalTimeout,
  DATABASE_UNREACHABLE: exitCodes.databaseUnreachable,
  SERVER_UNREACHABLE: exitCodes.serverUnreachable,
  SERVER_MISTRUSTED: exitCodes.serverUnreachable,
  RESULT_CUT: exitCodes.resultCut,
  STATEMENT_STOPPED: exitCodes.stopped,
  OUTCOME_UNKNOWN: exitCodes.outcomeUnknown,
  AUDIT_UNAVAILABLE: exitCodes.auditUnavailable,
  SPOOL_FULL: exitCodes.auditUnavailable,
  STREAM_CONFLICT: exitCodes.auditUnavailable,
  STREAM_GAP: exitCodes.auditUnavailable,
  PORT_IN_USE: exitCodes.local,
  KEYCHAIN_UNAVAILABLE: exitCodes.local,
  LOCAL_STATE: exitCodes.local,
} as const satisfies Record<string, ExitCode>

/** A stable, documented name of one way to fail. */
export type ErrorCode = keyof typeof errorCodes

/** How much of what was asked had happened when the failure came. */
export type Ran = 'nothing' | 'partly' | 'all' | 'unknown'

/** What an error may carry besides its message. */
export interface ErrorDetails {
  /** The next step, as a sentence or a command to copy. */
  readonly hint?: string
  readonly cause?: unknown
  readonly ran?: Ran
  /** Id of the policy rule that decided. */
  readonly rule?: string
  /** Five characters of PostgreSQL's Appendix A. */
  readonly sqlstate?: string
  /** Approval request (`req_…`) that would let the work go on. */
  readonly request?: string
  /** Audit event (`evt_…`) that recorded it. */
  readonly audit?: string
}

/** A failure a user can meet: its code picks the exit code, its message says what, its hint says what next. */
export class AppError extends Error {
  override readonly name = 'AppError'
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.details = details
  }

  get exit(): ExitCode {
    return errorCodes[this.code]
  }

  get hint(): string | undefined {
    return this.details.hint
  }
}
