/**
 * Exit codes of the `hoop` command. They are a contract with scripts: a number, once given, keeps its meaning.
 * `hoop help exit-codes` prints this table.
 */
export const exitCodes = {
  done: 0,
  unexpected: 1,
  usage: 2,
  sqlRejected: 3,
  signIn: 4,
  notGranted: 5,
  denied: 6,
  approvalNeeded: 7,
  approvalRefused: 8,
  approvalTimeout: 9,
  databaseUnreachable: 10,
  serverUnreachable: 11,
  resultCut: 12,
  stopped: 13,
  outcomeUnknown: 14,
  auditUnavailable: 15,
  local: 16,
} as const satisfies Record<string, number>

/** One of the numbers a finished `hoop` may return for its own reasons (a child's or a signal's code aside). */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]
