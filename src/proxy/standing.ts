import type { ApiClient } from '../api/client.ts'
import { type closeSession, getSessionBundle, heartbeatSession, type SessionDocument } from '../api/session.ts'
import { AppError } from '../base/app-error.ts'
import type { Clock, Log } from '../base/ports.ts'
import type { Standing as GuardStanding } from '../engines/postgres/guard/port.ts'
import { openBundle } from '../policy/bundle.ts'
import type { Judge } from './judge.ts'
import type { Spool } from './spool.ts'

/** What a session's standing depends on. */
export interface StandingPorts {
  readonly api: ApiClient
  readonly clock: Clock
  readonly log: Log
  readonly document: SessionDocument
  readonly judge: Judge
  readonly spool: Spool
  readonly server: { readonly tenant: string; readonly signingKey: Readonly<Record<string, string>> }
  ended(why: string): void
}

const beatMs = 2_000

/**
 * Whether the session still stands. It beats to the server, fetches a newer policy when there is one, and ends when the server
 * says so or its time is over. Without the server it goes on for as long as the connection allows, by the stop watch and not
 * by the clock on the wall.
 */
export class Standing {
  readonly #ports: StandingPorts
  readonly #endsAtMonotonicMs: number
  #heardAtMonotonicMs: number
  #endedWhy = ''
  #timer: NodeJS.Timeout | null = null

  constructor(ports: StandingPorts) {
    this.#ports = ports
    const nowMs = ports.clock.monotonicMs()
    this.#heardAtMonotonicMs = nowMs
    this.#endsAtMonotonicMs = nowMs + (ports.document.endsAtMs - ports.document.issuedAtMs)
  }

  start(): void {
    this.#timer = setTimeout(() => {
      void this.#beat().finally(() => {
        if (this.#timer) this.start()
      })
    }, beatMs)
    this.#timer.unref()
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
  }

  /** Asked before every statement. */
  now(): GuardStanding {
    const nowMs = this.#ports.clock.monotonicMs()
    if (this.#endedWhy)
      return { kind: 'paused', reason: `the session has ended: ${this.#endedWhy}`, hint: 'Connect again' }
    const failure = this.#ports.spool.failure
    if (failure)
      return {
        kind: 'paused',
        reason: failure.message,
        hint: failure.hint ?? 'Free some disk space, then connect again',
      }
    const silentMs = nowMs - this.#heardAtMonotonicMs
    const { offlineForS } = this.#ports.document.connection
    if (silentMs <= offlineForS * 1_000) return { kind: 'live' }
    const reason = `the hoop server has not been heard for ${Math.round(silentMs / 1_000)} s, and ${offlineForS} s are allowed`
    return { kind: 'paused', reason, hint: 'Statements run again as soon as it is back' }
  }

  /** Tells the server that the session is over. */
  async tellClosed(route: typeof closeSession): Promise<void> {
    await this.#ports.api.call(route, { params: { id: this.#ports.document.session } })
  }

  async #beat(): Promise<void> {
    const { api, document, log } = this.#ports
    if (this.#ports.clock.monotonicMs() >= this.#endsAtMonotonicMs) return this.#end('its time is over')
    try {
      const answer = await api.call(heartbeatSession, { params: { id: document.session } })
      this.#heardAtMonotonicMs = this.#ports.clock.monotonicMs()
      if (answer.state === 'ended') return this.#end(answer.why)
      if (answer.policyDigest !== this.#ports.judge.policy.digest) await this.#fetchPolicy()
    } catch (error) {
      // Out of reach is what `offlineFor` is for; anything else is said, and the beat goes on.
      if (!(error instanceof AppError) || error.code !== 'SERVER_UNREACHABLE')
        log.warn('the heartbeat failed', { error })
    }
  }

  async #fetchPolicy(): Promise<void> {
    const { api, document, judge, server } = this.#ports
    const { bundle } = await api.call(getSessionBundle, { params: { id: document.session } })
    const atLeastVersion = judge.policy.version
    judge.replace(await openBundle(bundle, server.signingKey, { tenant: server.tenant, atLeastVersion }))
  }

  #end(why: string): void {
    if (this.#endedWhy) return
    this.#endedWhy = why || 'the server ended it'
    this.stop()
    this.#ports.ended(`the session has ended: ${this.#endedWhy}`)
  }
}
