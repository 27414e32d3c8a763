import type { GuardEffect, Side, Ticket } from './effect.ts'

/** Effects of one call, in order. Neighbouring slices of one chunk become one send: a page of rows is one write. */
export class Outbox {
  #effects: GuardEffect[] = []

  take(): readonly GuardEffect[] {
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  add(effect: GuardEffect): void {
    this.#effects.push(effect)
  }

  send(to: Side, bytes: Uint8Array, after: Ticket): void {
    if (bytes.length === 0) return
    const last = this.#effects.at(-1)
    if (last?.kind === 'send' && last.to === to && last.after === after && isBehind(last.bytes, bytes)) {
      const joined = new Uint8Array(bytes.buffer, last.bytes.byteOffset, last.bytes.length + bytes.length)
      this.#effects[this.#effects.length - 1] = { ...last, bytes: joined }
      return
    }
    this.#effects.push({ kind: 'send', to, bytes, after })
  }
}

function isBehind(first: Uint8Array, second: Uint8Array): boolean {
  return first.buffer === second.buffer && first.byteOffset + first.length === second.byteOffset
}
