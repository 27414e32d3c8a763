import { performance } from 'node:perf_hooks'
import type { NoticeMessage } from 'pg-protocol/dist/messages.js'
import type { Entry, StatementStarted } from '../../audit/entry.ts'
import { AppError } from '../../base/app-error.ts'
import { Interrupted } from '../interrupted.ts'
import { execError, type StoppedBy } from './exec-error.ts'
import type { OpenedSession } from './opened-session.ts'
import type { StatementResult } from './statement.ts'
import { StatementClient } from './statement-client.ts'
import { StatementWatch } from './statement-watch.ts'

export interface ExecOptions {
  readonly statements: readonly string[]
  /** 0: all of them. */
  readonly maxRows: number
  /** Longest run of one statement, its wait for an approval apart; null: no limit of ours. */
  readonly timeoutMs: number | null
  /** Longest wait for an approval; 0: none. */
  readonly waitMs: number
  /** Stops the statement under way. */
  readonly interrupt: AbortSignal
}

/** One statement that ran, with what its records say. */
export interface ExecResult extends StatementResult {
  readonly masked: readonly string[]
  readonly audit: string | null
  readonly durationMs: number
}

/** Told as it happens. */
export interface ExecListener {
  readonly result: (result: ExecResult) => void
  /** It waits for people; the notice says who and where. */
  readonly held: (started: StatementStarted, notice: { readonly detail: string; readonly hint: string }) => void
  readonly approved: (started: StatementStarted) => void
  /** The database says something aside. */
  readonly notice: (severity: string, message: string) => void
}

const cancelGraceMs = 5_000
const maxResultBytes = 64 * 1024 * 1024

/**
 * Runs statements one after another through the guard and stops at the first that fails. True: all of every result was
 * read; false: one was cut.
 */
export async function execute(session: OpenedSession, options: ExecOptions, listener: ExecListener): Promise<boolean> {
  const client = await StatementClient.open({
    attach: (connection) => session.attach(connection),
    user: session.user,
    database: session.database,
    password: session.password,
    application: 'hoop exec',
  }).catch((cause: unknown) => {
    throw session.lastFailure ?? connectError(cause, session.connection)
  })
  try {
    return await new Execution(session, client, { options, listener }).all()
  } finally {
    await client.close()
  }
}

class Execution {
  readonly #client: StatementClient
  readonly #options: ExecOptions
  readonly #listener: ExecListener
  readonly #watch = new StatementWatch()
  #stoppedBy: StoppedBy
  #timers: NodeJS.Timeout[] = []

  constructor(
    session: OpenedSession,
    client: StatementClient,
    { options, listener }: { options: ExecOptions; listener: ExecListener },
  ) {
    this.#client = client
    this.#options = options
    this.#listener = listener
    session.onEntry((entry) => this.#see(entry))
    client.onNotice((notice) => this.#hear(notice))
  }

  async all(): Promise<boolean> {
    const stop = (): void => this.#stop('signal')
    this.#options.interrupt.addEventListener('abort', stop)
    let isComplete = true
    try {
      for (const index of this.#options.statements.keys()) {
        isComplete = (await this.#one(index)) && isComplete
      }
    } finally {
      this.#options.interrupt.removeEventListener('abort', stop)
    }
    if (this.#client.isInTransaction) {
      this.#listener.notice('WARNING', 'the last transaction was not committed, so it is rolled back')
    }
    return isComplete
  }

  async #one(index: number): Promise<boolean> {
    const { statements, maxRows } = this.#options
    if (this.#options.interrupt.aborted) throw interruptedBy(this.#options.interrupt)
    const isInTransaction = this.#client.isInTransaction
    this.#watch.reset()
    this.#limitTime()
    const startedMs = performance.now()
    try {
      const result = await this.#client.run(statements[index] ?? '', {
        maxRows,
        maxBytes: maxResultBytes,
        // A write is let finish, and so is a transaction, which a cancel would undo.
        onFull: () => {
          if (!isInTransaction && !this.#watch.mayHaveWritten) this.#client.cancel()
        },
      })
      this.#listener.result({
        ...result,
        masked: (this.#watch.started?.masked ?? []).map((column) => column.slice(column.lastIndexOf('.') + 1)),
        audit: this.#watch.started?.id ?? null,
        durationMs: this.#watch.finished?.durationMs ?? performance.now() - startedMs,
      })
      return result.cutBy === null
    } catch (error) {
      const progress = { index, total: statements.length, isInTransaction }
      const failure = execError(error, { watch: this.#watch, progress, stoppedBy: this.#stoppedBy })
      if (this.#options.interrupt.aborted && failure.code !== 'OUTCOME_UNKNOWN') {
        this.#listener.notice('hoop', 'stopped; the statement under way is cancelled')
        throw interruptedBy(this.#options.interrupt)
      }
      throw failure
    } finally {
      this.#clearTimers()
    }
  }

  #see(entry: Entry): void {
    const wasHeld = this.#watch.held !== null
    this.#watch.see(entry)
    if (entry.kind !== 'statement.started') return
    if (entry.verdict === 'held') {
      // Waiting for people is not running; it has a limit of its own.
      this.#clearTimers()
      this.#limit(this.#options.waitMs, this.#options.waitMs === 0 ? 'no-wait' : 'wait')
    }
    if (wasHeld && entry.verdict === 'approved') {
      this.#clearTimers()
      this.#limitTime()
      this.#listener.approved(entry)
    }
  }

  #hear({ severity, message, detail, hint }: NoticeMessage): void {
    const held = this.#watch.held
    if (held?.request && this.#options.waitMs === 0) return
    if (held?.request && message?.startsWith(`hoop: waiting for approval ${held.request}`)) {
      this.#listener.held(held, { detail: detail ?? '', hint: hint ?? '' })
    } else {
      this.#listener.notice(severity ?? 'NOTICE', message ?? '')
    }
  }

  #limitTime(): void {
    if (this.#options.timeoutMs !== null) this.#limit(this.#options.timeoutMs, 'time')
  }

  #limit(ms: number, why: Exclude<StoppedBy, undefined>): void {
    this.#timers.push(setTimeout(() => this.#stop(why), ms))
  }

  /** Asks for a cancel, and drops the connection when nobody answers. */
  #stop(why: Exclude<StoppedBy, undefined> | 'signal'): void {
    this.#clearTimers()
    if (why !== 'signal') this.#stoppedBy = why
    this.#client.cancel()
    const unanswered = new AppError(
      this.#watch.mayHaveWritten ? 'OUTCOME_UNKNOWN' : 'STATEMENT_STOPPED',
      'The statement was asked to stop and did not answer',
    )
    this.#timers.push(setTimeout(() => this.#client.abandon(unanswered), cancelGraceMs))
  }

  #clearTimers(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers = []
  }
}

/** The signal is given as the reason of the abort. */
function interruptedBy({ reason }: AbortSignal): Interrupted {
  return new Interrupted(reason === 'SIGTERM' ? 'SIGTERM' : 'SIGINT')
}

/** The session could not be used at all: the database behind it did not answer, or refused it. */
export function connectError(cause: unknown, connection: string): AppError {
  if (cause instanceof AppError) return cause
  const why = cause instanceof Error ? cause.message.replace(/^hoop: /, '') : String(cause)
  return new AppError('DATABASE_UNREACHABLE', `Cannot use connection "${connection}": ${why}`, { cause })
}
