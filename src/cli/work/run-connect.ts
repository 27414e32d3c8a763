import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { AppError, type ErrorDetails } from '../../base/app-error.ts'
import { Interrupted } from '../interrupted.ts'
import { jsonText } from '../output/json-text.ts'
import { clockTime, timeLeft } from '../output/when.ts'
import type { Tone } from '../terminal.ts'
import { childEnvironment } from './client-environment.ts'
import { type InterruptSignal, interruptSignal } from './interrupt-signal.ts'
import { type OpenPort, openPort } from './open-port.ts'
import { openSession, type SessionRequest } from './open-session.ts'
import { runChild } from './run-child.ts'
import { type SessionEvent, StatementEvents, statementLine } from './session-events.ts'
import { talkLog } from './talk-log.ts'

export interface ConnectOptions {
  /** Undefined: the connection's own sticky port. */
  readonly port: number | undefined
  readonly readyFile: string | undefined
  readonly showSql: boolean
  /** Program to run instead of waiting for Ctrl-C. */
  readonly child: readonly string[] | null
}

/** Where connect tells what happens: lines for people, or one JSON object per event. */
export interface ConnectOutput {
  readonly isJson: boolean
  readonly isDebug: boolean
  readonly print: (line: string) => void
  readonly say: (line: string, tone?: Tone) => void
  /** Told of everything that happens, for a view that draws it. */
  readonly onEvent?: (event: SessionEvent) => void
}

type Asked = Pick<SessionRequest, 'context' | 'connection' | 'reason' | 'ticket' | 'forMs'>

const warnBeforeMs = 60_000

/**
 * Holds a session open: until Ctrl-C, its own end, or the end of its child, whose exit code is returned.
 * @throws AppError, and Interrupted after Ctrl-C
 */
export async function runConnect(asked: Asked, options: ConnectOptions, output: ConnectOutput): Promise<number> {
  const log = talkLog((line) => output.say(line, 'quiet'), output.isDebug)
  let end: (why: string) => void = () => undefined
  const ended = new Promise<string>((resolve) => {
    end = resolve
  })
  const interrupt = interruptSignal()
  try {
    const session = await openSession({ ...asked, program: 'connect', log, onEnded: (why) => end(why) })
    const open = await openPort(session, options.port)
    return await hold(open, { options, output, interrupt, ended })
  } finally {
    interrupt.stop()
    if (options.readyFile !== undefined) rmSync(options.readyFile, { force: true })
  }
}

interface Holding {
  readonly options: ConnectOptions
  readonly output: ConnectOutput
  readonly interrupt: InterruptSignal
  readonly ended: Promise<string>
}

async function hold(open: OpenPort, { options, output, interrupt, ended }: Holding): Promise<number> {
  const { session } = open
  const tell = teller(output, options.child !== null)
  const events = new StatementEvents(options.showSql)
  session.onEntry((entry) => {
    const event = events.from(entry)
    if (event !== undefined) tell(event)
  })
  const leftMs = session.endsAtMs - Date.now()
  const warning = setTimeout(
    () => tell({ event: 'ending', inSeconds: Math.max(0, Math.round(Math.min(leftMs, warnBeforeMs) / 1000)) }),
    Math.max(0, leftMs - warnBeforeMs),
  )
  try {
    const ready = readyEvent(open)
    if (options.readyFile !== undefined) writeReadyFile(options.readyFile, ready)
    if (output.isJson) tell(ready)
    else {
      for (const line of readyLines(open, options.child !== null)) output.say(line)
      output.onEvent?.(ready)
    }
    if (options.child !== null) {
      interrupt.stop()
      return await runProgram(open, options.child)
    }
    const why = await Promise.race([ended, interrupted(interrupt)])
    return finish(open, { why, tell, interrupt })
  } finally {
    clearTimeout(warning)
    await open.close()
  }
}

/** Null: a signal came first. */
function interrupted({ signal }: InterruptSignal): Promise<null> {
  if (signal.aborted) return Promise.resolve(null)
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(null), { once: true }))
}

function finish(
  { session }: OpenPort,
  { why, tell, interrupt }: { why: string | null; tell: (event: SessionEvent) => void; interrupt: InterruptSignal },
): number {
  if (why === null) {
    const signal = interrupt.received ?? 'SIGINT'
    const stopped = new Interrupted(signal)
    tell({ event: 'ended', reason: signal, exit: stopped.exit })
    throw stopped
  }
  // The clock that ended it is not ours: a second more or less is its time.
  if (Date.now() >= session.endsAtMs - 1_000) {
    tell({ event: 'ended', reason: 'time', exit: 0 })
    return 0
  }
  const stopped = new AppError('STATEMENT_STOPPED', `${session.connection} is closed: ${why}`, {
    hint: `hoop connect ${session.connection}`,
  })
  tell({ event: 'ended', reason: why, exit: stopped.exit })
  throw stopped
}

async function runProgram(open: OpenPort, [command = '', ...args]: readonly string[]): Promise<number> {
  const env = childEnvironment(process.env, open.client, open.session.password.reveal())
  const { exit, failure } = await runChild(command, args, env)
  if (failure !== undefined) {
    const why = failure === 'not-found' ? 'there is no such program' : 'it is not one that can be run'
    throw new ChildNotRun(exit, `Cannot run "${command}": ${why}`)
  }
  return exit
}

/** The program after `--` could not be started; the exit code is that of a shell. */
export class ChildNotRun extends AppError {
  readonly childExit: number

  constructor(childExit: number, message: string, details: ErrorDetails = {}) {
    super('LOCAL_STATE', message, details)
    this.childExit = childExit
  }
}

/** stdout belongs to the child when there is one. */
function teller(output: ConnectOutput, hasChild: boolean): (event: SessionEvent) => void {
  return (event) => {
    output.onEvent?.(event)
    if (output.isJson) return hasChild ? output.say(jsonText(event)) : output.print(jsonText(event))
    if (event.event === 'statement' && !hasChild) {
      const { text, tone } = statementLine(event)
      output.say(text, tone)
    }
    if (event.event === 'ending')
      output.say(`${clockTime(Date.now())} The session ends in ${event.inSeconds} s.`, 'waiting')
    if (event.event === 'ended') output.say(event.reason === 'time' ? 'The time of the session is over.' : 'Closed.')
  }
}

function readyEvent({ session, client, files }: OpenPort): SessionEvent {
  return {
    event: 'ready',
    session: session.id,
    connection: session.connection,
    host: client.host,
    port: client.port,
    database: client.database,
    user: client.user,
    service: files.service,
    serviceFile: files.serviceFile,
    passFile: files.passFile,
    endsAt: new Date(session.endsAtMs).toISOString(),
  }
}

function readyLines({ session, client, files }: OpenPort, hasChild: boolean): readonly string[] {
  const until = `${clockTime(session.endsAtMs)}, ${timeLeft(session.endsAtMs - Date.now())} left`
  const first = `✓ ${session.connection} is ready until ${until}. Session ${session.id}.`
  if (hasChild) return [first]
  return [
    first,
    `  address   ${client.host}:${client.port}   database ${client.database}   user ${client.user}`,
    `  role      ${session.role}`,
    `  password  hoop url ${session.connection} --show-password`,
    `  psql      hoop psql ${session.connection}`,
    `            PGSERVICEFILE=${files.serviceFile} psql service=${files.service}`,
    '  Ctrl-C closes it.',
  ]
}

/** Whole or not at all: who waits for the file may read it at once. */
function writeReadyFile(path: string, ready: SessionEvent): void {
  try {
    writeFileSync(`${path}.${process.pid}`, `${jsonText(ready)}\n`, { mode: 0o600 })
    renameSync(`${path}.${process.pid}`, path)
  } catch (cause) {
    throw new AppError('LOCAL_STATE', `Cannot write ready file "${path}"`, { cause })
  }
}
