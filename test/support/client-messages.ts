/** Messages of a client, written out by the manual (chapter "Message Formats"), importing nothing of what is tested. */

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(type, 0, 'latin1')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

const text = (value: string): Buffer => Buffer.from(`${value}\0`)
const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

export const query = (sql: string): Buffer => message('Q', text(sql))
export const parse = (name: string, sql: string): Buffer =>
  message('P', Buffer.concat([text(name), text(sql), int16(0)]))
export const describeStatement = (name: string): Buffer => message('D', Buffer.concat([Buffer.from('S'), text(name)]))
export const describePortal = (name: string): Buffer => message('D', Buffer.concat([Buffer.from('P'), text(name)]))
export const execute = (portal: string, maxRows = 0): Buffer =>
  message('E', Buffer.concat([text(portal), int32(maxRows)]))
export const sync = (): Buffer => message('S', Buffer.alloc(0))
export const functionCall = (oid: number): Buffer =>
  message('F', Buffer.concat([int32(oid), int16(0), int16(0), int16(0)]))
export const raw = message

export function bind(
  portal: string,
  statement: string,
  params: readonly (string | null)[] = [],
  resultFormats: readonly number[] = [],
): Buffer {
  const values = params.flatMap((value) =>
    value === null ? [int32(-1)] : [int32(Buffer.byteLength(value)), Buffer.from(value)],
  )
  const parts = [text(portal), text(statement), int16(0), int16(params.length), ...values]
  return message('B', Buffer.concat([...parts, int16(resultFormats.length), ...resultFormats.map(int16)]))
}
