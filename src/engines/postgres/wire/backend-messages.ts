import { BodyReader, decodeText } from './body-reader.ts'
import { backend } from './message-type.ts'
import { WireError } from './wire-error.ts'

/** Messages of the server that the guard looks into or writes itself. Decoders take the body, without its header. */

/** One column of a RowDescription; both origins are 0 where the server knows none. */
export interface RowField {
  readonly name: string
  readonly tableOid: number
  readonly attribute: number
  readonly typeOid: number
  readonly typmod: number
  readonly format: 0 | 1
}

/** Transaction status of ReadyForQuery: idle, in a block, in a failed block. */
export type TransactionStatus = 'I' | 'T' | 'E'

/** Fields of an ErrorResponse or NoticeResponse by their letter (manual: "Error and Notice Message Fields"). */
export type ReportFields = ReadonlyMap<string, string>

export function decodeRowDescription(body: Buffer): RowField[] {
  const reader = new BodyReader(body)
  const fields = Array.from({ length: reader.count(19) }, (): RowField => {
    const name = reader.text()
    const [tableOid, attribute, typeOid] = [reader.oid(), reader.int16(), reader.oid()]
    reader.int16()
    const typmod = reader.int32()
    return { name, tableOid, attribute, typeOid, typmod, format: reader.int16() === 1 ? 1 : 0 }
  })
  reader.end()
  return fields
}

/** Cells of a DataRow as views of the body; null is SQL NULL. */
export function decodeDataRow(body: Buffer): (Buffer | null)[] {
  const reader = new BodyReader(body)
  const cells = Array.from({ length: reader.count(4) }, () => reader.value())
  reader.end()
  return cells
}

export function encodeDataRow(cells: readonly (Uint8Array | null)[]): Buffer {
  const bodyBytes = cells.reduce((sum, cell) => sum + 4 + (cell?.length ?? 0), 2)
  const frame = startFrame(backend.dataRow, bodyBytes)
  let at = frame.writeInt16BE(cells.length, 5)
  for (const cell of cells) {
    at = frame.writeInt32BE(cell ? cell.length : -1, at)
    if (cell) {
      frame.set(cell, at)
      at += cell.length
    }
  }
  return frame
}

/** The command tag, as in `UPDATE 3`. */
export function decodeCommandComplete(body: Buffer): string {
  return new BodyReader(body).text()
}

/** Rows a command tag tells of; 0 for commands that count none. */
export function rowsOfTag(tag: string): number {
  const last = /(\d+)$/.exec(tag)
  return last ? Number(last[1]) : 0
}

export function decodeReadyForQuery(body: Buffer): TransactionStatus {
  const status = String.fromCharCode(new BodyReader(body).byte())
  if (status === 'I' || status === 'T' || status === 'E') return status
  throw new WireError('WIRE_BAD_VALUE', `Cannot read ReadyForQuery: status "${status}" is unknown`)
}

export function encodeReadyForQuery(status: TransactionStatus): Buffer {
  const frame = startFrame(backend.readyForQuery, 1)
  frame.write(status, 5, 'latin1')
  return frame
}

export function decodeParameterStatus(body: Buffer): readonly [name: string, value: string] {
  const reader = new BodyReader(body)
  return [reader.text(), reader.text()]
}

export function encodeParameterStatus(name: string, value: string): Buffer {
  return encodeTexts(backend.parameterStatus, [name, value])
}

/** Process id and secret in one: four bytes and four (3.0) or more (3.2). */
export function encodeBackendKeyData(key: Uint8Array): Buffer {
  const frame = startFrame(backend.backendKeyData, key.length)
  frame.set(key, 5)
  return frame
}

export function decodeReport(body: Buffer): Map<string, string> {
  const fields = new Map<string, string>()
  const reader = new BodyReader(body)
  for (let letter = reader.byte(); letter !== 0; letter = reader.byte()) {
    fields.set(String.fromCharCode(letter), reader.text())
  }
  return fields
}

export function encodeReport(kind: 'error' | 'notice', fields: ReportFields): Buffer {
  const type = kind === 'error' ? backend.errorResponse : backend.noticeResponse
  const parts = [...fields].map(([letter, text]) => Buffer.from(`${letter}${text.replaceAll('\0', '')}\0`))
  const body = Buffer.concat([...parts, Buffer.of(0)])
  return Buffer.concat([header(type, body.length), body])
}

/** A NotificationResponse without payload. */
export function encodeNotification(processId: number, channel: string): Buffer {
  const body = Buffer.from(`....${channel}\0\0`)
  body.writeInt32BE(processId, 0)
  return Buffer.concat([header(backend.notificationResponse, body.length), body])
}

/** What an Authentication message asks for, by its number; `data` is what follows it. */
export interface AuthenticationRequest {
  readonly number: number
  readonly data: Buffer
}

export function decodeAuthentication(body: Buffer): AuthenticationRequest {
  const reader = new BodyReader(body)
  const number = reader.int32()
  return { number, data: reader.bytes(reader.left) }
}

export function encodeAuthentication(number: number, data: Uint8Array = new Uint8Array()): Buffer {
  const frame = startFrame(backend.authentication, 4 + data.length)
  frame.writeInt32BE(number, 5)
  frame.set(data, 9)
  return frame
}

/** Names of SASL mechanisms in an AuthenticationSASL request. */
export function decodeMechanisms(data: Buffer): string[] {
  return decodeText(data)
    .split('\0')
    .filter((name) => name !== '')
}

/** Frames one text after another, each with its NUL. */
function encodeTexts(type: number, texts: readonly string[]): Buffer {
  const body = Buffer.from(texts.map((text) => `${text}\0`).join(''))
  return Buffer.concat([header(type, body.length), body])
}

function startFrame(type: number, bodyBytes: number): Buffer {
  const frame = Buffer.alloc(5 + bodyBytes)
  frame.writeUInt8(type, 0)
  frame.writeInt32BE(bodyBytes + 4, 1)
  return frame
}

function header(type: number, bodyBytes: number): Buffer {
  return startFrame(type, bodyBytes).subarray(0, 5)
}
