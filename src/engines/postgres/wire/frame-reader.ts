import { typeName } from './message-type.ts'
import { WireError } from './wire-error.ts'

/**
 * Cuts a stream of bytes into frames: one type byte, four bytes of length (which count themselves), a body.
 *
 * A frame that somebody wants to look into is delivered whole. One that only passes through is delivered as it comes, so
 * that its size does not matter. Chunks may be cut anywhere, in the middle of a header too.
 *
 *   header ──▶ whole body at hand ──▶ piece {whole}
 *          ├─▶ opened, body incomplete: kept until complete ──▶ piece {whole}
 *          └─▶ passing: piece {first part} … piece {last part}
 */
export interface Piece {
  readonly type: number
  /** The frame with its header, or a part of it; a view of the chunk wherever that is possible. */
  readonly bytes: Buffer
  /** The piece starts a frame; false for the later parts of one that passes through. */
  readonly first: boolean
  /** The piece ends a frame. */
  readonly last: boolean
}

/** Which frames are looked into, and how large they may be. */
export interface FrameRules {
  readonly known: ReadonlySet<number>
  isOpened(type: number): boolean
  /** Bytes of body an opened frame may have. */
  readonly maxOpenedBytes: number
}

const headerBytes = 5
const maxFrameBytes = 2 ** 30

export class FrameReader {
  readonly #rules: FrameRules
  /** Parts of a frame (or of a header) that is not complete yet. */
  #kept: Buffer[] = []
  #keptBytes = 0
  /** Bytes the kept frame needs before it can be delivered; 0 while not even its header is complete. */
  #neededBytes = 0
  #passingType = 0
  #passingBytes = 0

  constructor(rules: FrameRules) {
    this.#rules = rules
  }

  /** Bytes held back because they do not make a frame yet. */
  get keptBytes(): number {
    return this.#keptBytes
  }

  /** @throws WireError when a length or a type cannot be right */
  *read(chunk: Buffer): Generator<Piece, void, undefined> {
    let rest = this.#join(chunk)
    while (rest.length > 0) {
      if (this.#passingBytes > 0) {
        const part = rest.subarray(0, this.#passingBytes)
        this.#passingBytes -= part.length
        rest = rest.subarray(part.length)
        yield { type: this.#passingType, bytes: part, first: false, last: this.#passingBytes === 0 }
        continue
      }
      if (rest.length < headerBytes) return this.#keep(rest, 0)
      const type = rest.readUInt8(0)
      const frameBytes = this.#frameBytes(type, rest.readInt32BE(1))
      if (rest.length >= frameBytes) {
        yield { type, bytes: rest.subarray(0, frameBytes), first: true, last: true }
        rest = rest.subarray(frameBytes)
        continue
      }
      if (this.#rules.isOpened(type)) return this.#keep(rest, frameBytes)
      this.#passingType = type
      this.#passingBytes = frameBytes - rest.length
      yield { type, bytes: rest, first: true, last: false }
      return
    }
  }

  #frameBytes(type: number, length: number): number {
    if (!this.#rules.known.has(type)) {
      throw new WireError('WIRE_UNKNOWN_MESSAGE', `Cannot read message: type ${typeName(type)} is unknown`)
    }
    if (length < 4 || length > maxFrameBytes) {
      throw new WireError('WIRE_BAD_LENGTH', `Cannot read message ${typeName(type)}: it announces ${length} bytes`)
    }
    if (this.#rules.isOpened(type) && length > this.#rules.maxOpenedBytes) {
      throw new WireError('WIRE_TOO_LARGE', `Cannot read message ${typeName(type)}: ${length} bytes are too many`)
    }
    return length + 1
  }

  #keep(rest: Buffer, neededBytes: number): void {
    // A copy: the chunk belongs to whoever read it, and may be written over.
    this.#kept = [Buffer.from(rest)]
    this.#keptBytes = rest.length
    this.#neededBytes = neededBytes
  }

  /** The chunk behind what was kept; empty while the two together are still not enough. */
  #join(chunk: Buffer): Buffer {
    if (this.#keptBytes === 0) return chunk
    this.#kept.push(this.#keptBytes + chunk.length < this.#neededBytes ? Buffer.from(chunk) : chunk)
    this.#keptBytes += chunk.length
    if (this.#keptBytes < this.#neededBytes) return Buffer.alloc(0)
    const joined = Buffer.concat(this.#kept, this.#keptBytes)
    this.#kept = []
    this.#keptBytes = 0
    this.#neededBytes = 0
    return joined
  }
}
