import type { Clock, Random } from './ports.ts'

// Crockford's base 32: no I, L, O, U, so that an id read aloud survives.
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** What an id names; it stands before the id, as in `evt_01JD8Q…`. */
export type IdKind = 'evt' | 'ses' | 'str' | 'req' | 'con'

/** A new id that sorts by time: kind, `_`, and a UUIDv7 (RFC 9562 §5.7) in 26 characters of base 32. */
export function newId(kind: IdKind, clock: Clock, random: Random): string {
  const bytes = random.bytes(16)
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16)
  const nowMs = clock.nowMs()
  view.setUint16(0, Math.floor(nowMs / 2 ** 32))
  view.setUint32(2, nowMs % 2 ** 32)
  view.setUint8(6, 0x70 | (view.getUint8(6) & 0x0f))
  view.setUint8(8, 0x80 | (view.getUint8(8) & 0x3f))
  return `${kind}_${base32(bytes)}`
}

/** A short id for people to type, as in `req_7K2MQ4XB`: 40 random bits. The store that keeps it must refuse a repeat. */
export function newShortId(kind: IdKind, random: Random): string {
  return `${kind}_${base32(random.bytes(5)).slice(-8)}`
}

/** Crockford base 32 of a big-endian number, left-padded to whole characters. */
function base32(bytes: Uint8Array): string {
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  const length = Math.ceil((bytes.length * 8) / 5)
  let text = ''
  for (let at = 0; at < length; at++) {
    text = alphabet.charAt(Number(value & 31n)) + text
    value >>= 5n
  }
  return text
}
