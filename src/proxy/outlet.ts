import type { Duplex } from 'node:stream'

/** Above this much unwritten, the other side is not read any more: a slow reader must not fill our memory. */
const highWaterBytes = 1024 * 1024

/**
 * The way out to one peer. Bytes leave in order, each not before the record it waits for is durable; what may leave at once is
 * written together.
 */
export class Outlet {
  readonly #stream: Duplex
  readonly #committedSeq: () => number
  #waiting: { readonly bytes: Uint8Array; readonly seq: number }[] = []
  #waitingBytes = 0
  #ending: (() => void) | null = null

  constructor(stream: Duplex, committedSeq: () => number) {
    this.#stream = stream
    this.#committedSeq = committedSeq
  }

  get isCongested(): boolean {
    return this.#waitingBytes + this.#stream.writableLength > highWaterBytes
  }

  /** Writes `bytes` once the link `seq` is durable (0: at once, but never ahead of what came before). */
  write(bytes: Uint8Array, seq: number): void {
    if (this.#waiting.length === 0 && seq <= this.#committedSeq()) {
      this.#stream.write(bytes)
      return
    }
    this.#waiting.push({ bytes, seq })
    this.#waitingBytes += bytes.length
  }

  /** Writes what has become free to leave. */
  flush(): void {
    const committed = this.#committedSeq()
    const held = this.#waiting.findIndex(({ seq }) => seq > committed)
    const free = held < 0 ? this.#waiting : this.#waiting.slice(0, held)
    if (free.length > 0) {
      this.#waiting = held < 0 ? [] : this.#waiting.slice(held)
      this.#stream.cork()
      for (const { bytes } of free) {
        this.#waitingBytes -= bytes.length
        this.#stream.write(bytes)
      }
      this.#stream.uncork()
    }
    if (this.#waiting.length === 0 && this.#ending) this.#ending()
  }

  /** Forgets what was waiting for a record that will never be written. */
  drop(): void {
    this.#waiting = []
    this.#waitingBytes = 0
  }

  /** Calls back when everything given has been handed to the stream. */
  whenEmpty(done: () => void): void {
    if (this.#waiting.length === 0) done()
    else this.#ending = done
  }
}
