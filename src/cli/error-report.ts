import { CLIError } from '@oclif/core/errors'
import { AppError, type Ran } from '../base/app-error.ts'
import { exitCodes } from '../base/exit-code.ts'
import { safeForTerminal } from '../base/terminal-text.ts'

/** What `-o json` prints on stderr when a command fails. Members are only ever added. */
export interface ErrorReport {
  readonly code: string
  readonly exit: number
  readonly message: string
  readonly ran: Ran
  readonly retryable: boolean
  readonly rule: string | null
  readonly sqlstate: string | null
  readonly request: string | null
  readonly next: readonly string[]
  readonly audit: string | null
}

/** The database's own words about a statement: they stand without our prefix. */
export class DatabaseRejection extends AppError {}

const longestLine = 500
const retryable: readonly number[] = [
  exitCodes.databaseUnreachable,
  exitCodes.serverUnreachable,
  exitCodes.auditUnavailable,
]

/** Any thrown value as a report. What nobody classified is a bug of ours and says so. */
export function reportOf(error: unknown, command: string): ErrorReport {
  if (error instanceof AppError) return reportOfAppError(error)
  if (error instanceof CLIError) {
    return {
      ...blank('USAGE', exitCodes.usage, usageText(error.message)),
      next: [command === '' ? 'hoop help' : `hoop ${command} --help`],
    }
  }
  const text = error instanceof Error ? error.message : String(error)
  return {
    ...blank('UNEXPECTED', exitCodes.unexpected, `Something unexpected happened: ${text}`),
    ran: 'unknown',
    next: ['Run it again with --debug and report what it prints'],
  }
}

/** The lines of a report for a person: what, why, how much ran, what next, the code. At most eight. */
export function errorLines(report: ErrorReport, speaker: 'hoop' | 'database'): readonly string[] {
  const [what = '', ...why] = report.message.split('\n').map(shorten)
  const reference = [report.code, report.sqlstate, report.request, report.audit].filter((part) => part !== null)
  const ran = ranText[report.ran]
  // The database's own text stays as it is: nothing is put after it.
  const first = speaker === 'hoop' ? [`✗ hoop: ${sentence(what)} ${ran}`.trimEnd()] : [`✗ ${what}`]
  return [
    ...first,
    ...why.slice(0, speaker === 'hoop' ? 4 : 3).map((line) => `  ${line}`),
    ...(speaker === 'database' && ran !== '' ? [`  ${ran}`] : []),
    ...report.next.slice(0, 2).map((line, index) => `  ${index === 0 ? 'Try:  ' : '      '}${shorten(line)}`),
    `  Ref:  ${reference.join(' ')}`,
  ]
}

function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`
}

const ranText: Readonly<Record<Ran, string>> = {
  nothing: 'Nothing was run.',
  partly: 'Partly run.',
  all: '',
  unknown: 'Outcome unknown.',
}

function reportOfAppError(error: AppError): ErrorReport {
  const { details } = error
  return {
    ...blank(error.code, error.exit, error.message),
    ran: details.ran ?? usualRan(error.exit),
    rule: details.rule ?? null,
    sqlstate: details.sqlstate ?? null,
    request: details.request ?? null,
    next: details.hint === undefined ? [] : details.hint.split('\n'),
    audit: details.audit ?? null,
  }
}

function blank(code: string, exit: number, message: string): ErrorReport {
  return {
    code,
    exit,
    message,
    ran: 'nothing',
    retryable: retryable.includes(exit),
    rule: null,
    sqlstate: null,
    request: null,
    next: [],
    audit: null,
  }
}

function usualRan(exit: number): Ran {
  if (exit === exitCodes.resultCut) return 'all'
  return exit === exitCodes.outcomeUnknown || exit === exitCodes.unexpected ? 'unknown' : 'nothing'
}

/** The parser's text without its advice and its layout. */
function usageText(text: string): string {
  const words = text
    .replace(/\n+See more help with --help\s*$/, '')
    .split('\n')
    .map((line) => line.trim().replace(/\s{2,}/g, ': '))
    .filter((line) => line !== '' && !/^The following errors? occurred:$/.test(line))
  return `Cannot read the command: ${words.join(' ').replace(/^[A-Z]/, (letter) => letter.toLowerCase())}`
}

function shorten(text: string): string {
  const safe = safeForTerminal(text)
  return safe.length > longestLine ? `${safe.slice(0, longestLine)}…` : safe
}
