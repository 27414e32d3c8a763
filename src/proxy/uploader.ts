import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { getStreamHead, uploadBatch } from '../api/audit.ts'
import { type ApiClient, createApiClient, type HttpSend } from '../api/client.ts'
import type { Link } from '../audit/chain.ts'
import { AppError } from '../base/app-error.ts'
import { newId } from '../base/id.ts'
import type { Clock, Log, Random } from '../base/ports.ts'
import { Spool, type SpoolOptions, spoolFile } from './spool.ts'

/** Brings spools to the server: batch after batch, again until it answers, and deletes nothing it has not acknowledged. */
export interface UploaderPorts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly send: HttpSend
}

const batchLinks = 1_000
/** Well below what the server takes at once; a batch has one link at least, and no link is as large as that. */
const batchBytes = 8 * 1024 * 1024
const restMs = 200
const maxBackoffMs = 15_000

export class Uploader {
  readonly #spool: Spool
  readonly #ports: UploaderPorts
  readonly #api: ApiClient
  #timer: NodeJS.Timeout | null = null
  #underWay: Promise<boolean> | null = null
  #failures = 0
  #isStopped = false

  constructor(spool: Spool, ports: UploaderPorts) {
    this.#spool = spool
    this.#ports = ports
    this.#api = createApiClient(spool.about.server, ports.send, async () => `Stream ${spool.about.uploadKey}`)
  }

  start(): void {
    this.#schedule(restMs)
  }

  /** Uploads until nothing waits, or the time is over; true when everything has arrived. */
  async flush(timeoutMs: number): Promise<boolean> {
    const deadlineMs = this.#ports.clock.monotonicMs() + timeoutMs
    while (!this.#isStopped && this.#spool.waitingCount > 0) {
      if (this.#ports.clock.monotonicMs() >= deadlineMs) return false
      const isDone = await this.#round()
      if (!isDone) await new Promise((resolve) => setTimeout(resolve, 100))
    }
    return this.#spool.waitingCount === 0
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#timer) clearTimeout(this.#timer)
    await this.#underWay
  }

  #schedule(delayMs: number): void {
    if (this.#isStopped) return
    this.#timer = setTimeout(() => {
      void this.#round().then((isDone) => {
        this.#failures = isDone ? 0 : this.#failures + 1
        this.#schedule(isDone ? restMs : this.#backoffMs())
      })
    }, delayMs)
    this.#timer.unref()
  }

  /** Full jitter: proxies that lost the server together do not come back together. */
  #backoffMs(): number {
    const ceiling = Math.min(maxBackoffMs, restMs * 2 ** Math.min(this.#failures, 10))
    const [byte = 0] = this.#ports.random.bytes(1)
    return restMs + (ceiling * byte) / 255
  }

  /** One pass over what waits; false when it has to be tried again. Never two at once. */
  #round(): Promise<boolean> {
    this.#underWay ??= this.#upload().finally(() => {
      this.#underWay = null
    })
    return this.#underWay
  }

  async #upload(): Promise<boolean> {
    const { stream } = this.#spool.about
    try {
      for (;;) {
        const links = takeBytes(this.#spool.waiting(batchLinks), batchBytes)
        if (links.length === 0) return true
        const head = await this.#api.call(uploadBatch, { params: { stream }, body: { links: [...links] } })
        this.#spool.acknowledge(head.seq)
      }
    } catch (error) {
      return this.#tryAgain(error)
    }
  }

  /** @throws whatever is not a matter of trying again */
  async #tryAgain(error: unknown): Promise<boolean> {
    if (!(error instanceof AppError)) throw error
    if (error.code === 'STREAM_GAP') {
      const { stream } = this.#spool.about
      const head = await this.#api.call(getStreamHead, { params: { stream } }).catch(() => null)
      if (head) this.#spool.acknowledge(head.seq)
      return false
    }
    if (error.code === 'STREAM_CONFLICT') {
      this.#isStopped = true
      this.#ports.log.error('the server has another history of this stream; nothing more is uploaded', { error })
    }
    return false
  }
}

/** The first links, as far as their texts fit. */
function takeBytes(links: readonly Link[], limit: number): readonly Link[] {
  let bytes = 0
  const end = links.findIndex(({ body }, at) => {
    bytes += Buffer.byteLength(body)
    return at > 0 && bytes > limit
  })
  return end < 0 ? links : links.slice(0, end)
}

/** Uploads what processes that are gone have left; returns how many entries still wait. */
export async function uploadLeftovers(options: SpoolOptions, ports: UploaderPorts, timeoutMs: number): Promise<number> {
  if (!existsSync(options.directory)) return 0
  let waiting = 0
  for (const name of readdirSync(options.directory).filter((each) => spoolFile.test(each))) {
    const spool = Spool.adopt(join(options.directory, name), options)
    if (!spool) continue
    if (spool.lastKind !== 'session.closed') {
      spool.append({
        kind: 'session.closed',
        v: 1,
        id: newId('evt', ports.clock, ports.random),
        session: spool.about.session,
        atMs: ports.clock.nowMs(),
        why: 'recovered',
      })
      await new Promise((resolve) => setImmediate(resolve))
    }
    const uploader = new Uploader(spool, ports)
    await uploader.flush(timeoutMs)
    await uploader.stop()
    waiting += spool.waitingCount
    spool.close()
  }
  return waiting
}
