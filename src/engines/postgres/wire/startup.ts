import { BodyReader } from './body-reader.ts'
import { WireError } from './wire-error.ts'

/** The messages before the first type byte (manual: StartupMessage, SSLRequest, GSSENCRequest, CancelRequest). */
export type StartupPacket =
  | { readonly kind: 'ssl' }
  | { readonly kind: 'gss' }
  | { readonly kind: 'cancel'; readonly key: Buffer }
  | { readonly kind: 'startup'; readonly protocol: number; readonly parameters: ReadonlyMap<string, string> }

const sslCode = 80_877_103
const gssCode = 80_877_104
const cancelCode = 80_877_102

/** A first length above this is not PostgreSQL: a browser's `GET ` reads as one of a billion. The server's own limit. */
const maxStartupBytes = 10_000

/**
 * The first packet in `buffer`, and how long it is; null while it is not complete.
 * @throws WireError when its length or content cannot be right
 */
export function readStartupPacket(buffer: Buffer): { readonly packet: StartupPacket; readonly bytes: number } | null {
  if (buffer.length < 4) return null
  const length = buffer.readInt32BE(0)
  if (length < 8 || length > maxStartupBytes) {
    throw new WireError('WIRE_BAD_LENGTH', `Cannot read start-up packet: it announces ${length} bytes`)
  }
  if (buffer.length < length) return null
  const code = buffer.readInt32BE(4)
  return { packet: decode(code, buffer.subarray(8, length)), bytes: length }
}

function decode(code: number, body: Buffer): StartupPacket {
  if (code === sslCode) return { kind: 'ssl' }
  if (code === gssCode) return { kind: 'gss' }
  if (code === cancelCode) return { kind: 'cancel', key: Buffer.from(body) }
  if (code >> 16 !== 3)
    throw new WireError('WIRE_BAD_VALUE', `Cannot start: protocol ${code >> 16}.${code & 0xffff} is not 3`)
  const parameters = new Map<string, string>()
  const reader = new BodyReader(body)
  for (let name = reader.text(); name !== ''; name = reader.text()) parameters.set(name, reader.text())
  reader.end()
  return { kind: 'startup', protocol: code, parameters }
}

/** SSLRequest: asks the server for TLS; it answers with one byte. */
export function encodeSslRequest(): Buffer {
  const packet = Buffer.alloc(8)
  packet.writeInt32BE(8, 0)
  packet.writeInt32BE(sslCode, 4)
  return packet
}

export function encodeStartup(parameters: ReadonlyMap<string, string>): Buffer {
  const body = Buffer.from(`${[...parameters].map(([name, value]) => `${name}\0${value}\0`).join('')}\0`)
  const head = Buffer.alloc(8)
  head.writeInt32BE(8 + body.length, 0)
  head.writeInt32BE(3 << 16, 4)
  return Buffer.concat([head, body])
}

/** CancelRequest for the connection that `key` (process id and secret) names. */
export function encodeCancelRequest(key: Uint8Array): Buffer {
  const packet = Buffer.alloc(8 + key.length)
  packet.writeInt32BE(packet.length, 0)
  packet.writeInt32BE(cancelCode, 4)
  packet.set(key, 8)
  return packet
}

/** NegotiateProtocolVersion: the newest minor version we speak, and options we do not know (none are taken). */
export function encodeNegotiateProtocolVersion(minor: number, unknownOptions: readonly string[]): Buffer {
  const names = Buffer.from(unknownOptions.map((name) => `${name}\0`).join(''))
  const frame = Buffer.alloc(13 + names.length)
  frame.write('v', 0, 'latin1')
  frame.writeInt32BE(12 + names.length, 1)
  frame.writeInt32BE(minor, 5)
  frame.writeInt32BE(unknownOptions.length, 9)
  names.copy(frame, 13)
  return frame
}
