import { WireError } from './wire-error.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Cursor over one message body. It cannot see past the body it was given. */
export class BodyReader {
  readonly #body: Buffer
  #at = 0

  constructor(body: Buffer) {
    this.#body = body
  }

  get left(): number {
    return this.#body.length - this.#at
  }

  byte(): number {
    return this.#body.readUInt8(this.#take(1))
  }

  int16(): number {
    return this.#body.readInt16BE(this.#take(2))
  }

  int32(): number {
    return this.#body.readInt32BE(this.#take(4))
  }

  /** An OID: 32 bits without a sign. */
  oid(): number {
    return this.#body.readUInt32BE(this.#take(4))
  }

  /** Exactly `size` bytes, as a view of the body. */
  bytes(size: number): Buffer {
    const start = this.#take(size)
    return this.#body.subarray(start, start + size)
  }

  /** A count that a message announces: never negative, and never more than the body could hold. */
  count(bytesEach: number): number {
    const count = this.int16()
    // Int16 in the manual, but more than 32,767 parameters are sent by counting on without a sign.
    const real = count < 0 ? count + 65_536 : count
    if (real * bytesEach > this.left) {
      throw new WireError('WIRE_BODY_TOO_SHORT', `Cannot read ${real} values: body has ${this.left} bytes left`)
    }
    return real
  }

  /** A value with its length before it: null stands for SQL NULL. */
  value(): Buffer | null {
    const size = this.int32()
    if (size === -1) return null
    if (size < 0) throw new WireError('WIRE_BAD_VALUE', `Cannot read a value of ${size} bytes`)
    return this.bytes(size)
  }

  /** Text up to its NUL, which must be UTF-8: the encoding of every session is pinned to it. */
  text(): string {
    const end = this.#body.indexOf(0, this.#at)
    if (end < 0) throw new WireError('WIRE_BODY_TOO_SHORT', 'Cannot read text: it has no end')
    const bytes = this.#body.subarray(this.#at, end)
    this.#at = end + 1
    return decodeText(bytes)
  }

  /** @throws WireError when something is left: a peer that adds bytes means something by them */
  end(): void {
    if (this.left > 0)
      throw new WireError('WIRE_BODY_TOO_LONG', `Cannot read message: ${this.left} bytes are left over`)
  }

  /** Reserves `size` bytes and returns where they start. */
  #take(size: number): number {
    const start = this.#at
    if (size < 0 || start + size > this.#body.length) {
      throw new WireError('WIRE_BODY_TOO_SHORT', `Cannot read ${size} bytes at ${start}: body has ${this.#body.length}`)
    }
    this.#at = start + size
    return start
  }
}

/** @throws WireError `WIRE_BAD_TEXT` when the bytes are not UTF-8 */
export function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new WireError('WIRE_BAD_TEXT', 'Cannot read text: it is not UTF-8')
  }
}
