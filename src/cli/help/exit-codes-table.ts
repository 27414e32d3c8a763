/** One line of `hoop help exit-codes`. */
export interface ExitCodeMeaning {
  readonly exit: number
  readonly meaning: string
  /** How much of what was asked had run. */
  readonly ran: string
  readonly retry: string
}

/** What each exit code means. Numbers are never given a second meaning. */
export const exitCodeMeanings: readonly ExitCodeMeaning[] = [
  { exit: 0, meaning: 'done, complete', ran: 'all', retry: '-' },
  { exit: 1, meaning: 'unexpected: a bug of hoop', ran: 'unknown', retry: 'no' },
  { exit: 2, meaning: 'the command line or a configuration file is wrong', ran: 'nothing', retry: 'no' },
  { exit: 3, meaning: 'the database rejected the SQL', ran: 'see the message', retry: 'no' },
  { exit: 4, meaning: 'sign-in is needed, failed or has expired', ran: 'nothing', retry: 'after hoop login' },
  { exit: 5, meaning: 'not granted, or no such thing for you', ran: 'nothing', retry: 'no' },
  { exit: 6, meaning: 'blocked by policy', ran: 'nothing', retry: 'no' },
  { exit: 7, meaning: 'approval needed, and not waited for', ran: 'nothing', retry: 'with --wait' },
  { exit: 8, meaning: 'approval rejected, revoked or taken back', ran: 'nothing', retry: 'no' },
  { exit: 9, meaning: 'the wait for an approval ran out', ran: 'nothing', retry: 'with a longer --wait' },
  { exit: 10, meaning: 'the database cannot be reached or refused us', ran: 'nothing', retry: 'yes' },
  { exit: 11, meaning: 'the hoop server cannot be reached or trusted', ran: 'nothing', retry: 'yes' },
  { exit: 12, meaning: 'the result was cut; the rows so far are on stdout', ran: 'all', retry: 'with a higher cap' },
  { exit: 13, meaning: 'stopped: time limit, or the session was ended', ran: 'rolled back', retry: 'maybe' },
  { exit: 14, meaning: 'outcome unknown: the link was lost after a write', ran: 'unknown', retry: 'look first' },
  { exit: 15, meaning: 'could not be recorded, so refused', ran: 'nothing', retry: 'yes' },
  { exit: 16, meaning: 'a local problem: port, keychain, files', ran: 'nothing', retry: 'after a fix' },
  { exit: 125, meaning: 'connect -- CMD: hoop itself failed', ran: 'nothing', retry: 'see the message' },
  { exit: 126, meaning: 'connect -- CMD: CMD cannot be run', ran: 'nothing', retry: 'no' },
  { exit: 127, meaning: 'connect -- CMD: CMD was not found', ran: 'nothing', retry: 'no' },
  { exit: 130, meaning: 'stopped by Ctrl-C', ran: 'see the message', retry: '-' },
  { exit: 141, meaning: 'the reader of stdout went away', ran: 'unknown', retry: '-' },
  { exit: 143, meaning: 'stopped by SIGTERM', ran: 'see the message', retry: '-' },
]
