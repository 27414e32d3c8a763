import { AppError } from '../../base/app-error.ts'
import type { OutputFormat } from '../output/format.ts'
import { resultLines } from '../output/result-set.ts'
import { timeLeft } from '../output/when.ts'
import type { Tone } from '../terminal.ts'
import { type ExecListener, type ExecOptions, type ExecResult, execute } from './exec.ts'
import { interruptSignal } from './interrupt-signal.ts'
import { openSession, type SessionRequest } from './open-session.ts'
import { talkLog } from './talk-log.ts'

/** Where the results of exec go, and its talk. */
export interface ExecOutput {
  readonly format: OutputFormat
  readonly isTty: boolean
  readonly isDebug: boolean
  readonly say: (line: string, tone?: Tone) => void
}

type Asked = Pick<SessionRequest, 'context' | 'connection' | 'reason' | 'ticket'>
type Limits = Omit<ExecOptions, 'interrupt'> & { readonly mayBePartial: boolean }

/**
 * Runs statements in a session of their own and prints as they end.
 * @throws AppError with the exit code of what went wrong; `RESULT_CUT` when rows were left out and may not be
 */
export async function runExec(asked: Asked, limits: Limits, output: ExecOutput): Promise<void> {
  const interrupt = interruptSignal()
  const log = talkLog((line) => output.say(line, 'quiet'), output.isDebug)
  const session = await openSession({ ...asked, program: 'exec', log })
  let isComplete = false
  try {
    isComplete = await execute(session, { ...limits, interrupt: interrupt.signal }, listenerOf(output, limits))
  } finally {
    await session.close()
    interrupt.stop()
  }
  if (!isComplete && !limits.mayBePartial) {
    const most = limits.maxRows === 0 ? '64 MiB' : `${limits.maxRows} rows or 64 MiB`
    throw new AppError('RESULT_CUT', `The result was cut at ${most}; what came before is on stdout`, {
      hint: 'Take more rows: --max-rows 100000, or 0; for whole tables hoop psql\nTake what there is: --allow-partial',
    })
  }
}

function listenerOf(output: ExecOutput, limits: Limits): ExecListener {
  return {
    result: (result) => printResult(result, output),
    held: (started, { detail, hint }) => {
      const [rule] = started.rules
      output.say(`⧗ Needs approval by rule "${rule?.id ?? ''}": ${started.why}. Nothing has run.`, 'waiting')
      output.say(`  Request ${started.request}. ${detail}`)
      if (hint) output.say(`  ${hint.replace('Cancel', 'Ctrl-C')}`)
      output.say(`  Waiting, ${timeLeft(limits.waitMs)} left.`)
    },
    approved: ({ request }) => output.say(`✓ ${request} is approved. Running …`, 'good'),
    notice: (severity, message) => {
      for (const line of `${severity}:  ${message}`.split('\n')) output.say(line)
    },
  }
}

function printResult(result: ExecResult, { format, isTty, say }: ExecOutput): void {
  if (result.isCopy) {
    throw new AppError('USAGE', 'Cannot print rows of COPY', { hint: 'hoop psql CONNECTION', ran: 'all' })
  }
  const { masked, audit, cutBy } = result
  const notes = { rowCount: result.rows.length, truncated: cutBy !== null, masked, audit }
  if (result.returnsRows || format === 'json') {
    const lines = resultLines(result, notes, { format, isTty })
    if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`)
  }
  say(footer(result), 'quiet')
}

/** `2 rows, 31 ms. Masked: email. Audit evt_…` */
function footer({ returnsRows, rows, tag, cutBy, masked, audit, durationMs }: ExecResult): string {
  const count = `${rows.length} ${rows.length === 1 ? 'row' : 'rows'}${cutBy === null ? '' : ' and more'}`
  const parts = [
    `${returnsRows ? count : tag || 'Done'}, ${Math.round(durationMs)} ms`,
    ...(masked.length > 0 ? [`Masked: ${[...new Set(masked)].join(', ')}`] : []),
    ...(audit === null ? [] : [`Audit ${audit}`]),
  ]
  return `${parts.join('. ')}.`
}
