import { BodyReader } from './body-reader.ts'
import { WireError } from './wire-error.ts'

/** Messages of the client that the guard looks into. Each decoder takes the frame's body, without its header. */

/** Parse: a statement text under a name (empty: the unnamed one). */
export interface ParseMessage {
  readonly name: string
  readonly sql: string
  readonly parameterTypes: readonly number[]
}

/** Bind: a portal made of a statement and values. Formats: 0 text, 1 binary; one stands for all, none means text. */
export interface BindMessage {
  readonly portal: string
  readonly statement: string
  readonly parameterFormats: readonly (0 | 1)[]
  readonly parameters: readonly (Buffer | null)[]
  readonly resultFormats: readonly (0 | 1)[]
}

/** What Describe and Close name. */
export interface TargetMessage {
  readonly kind: 'statement' | 'portal'
  readonly name: string
}

export interface ExecuteMessage {
  readonly portal: string
  /** 0: all rows. */
  readonly maxRows: number
}

export function decodeQuery(body: Buffer): string {
  const reader = new BodyReader(body)
  const sql = reader.text()
  reader.end()
  return sql
}

export function decodeParse(body: Buffer): ParseMessage {
  const reader = new BodyReader(body)
  const [name, sql] = [reader.text(), reader.text()]
  const parameterTypes = Array.from({ length: reader.count(4) }, () => reader.oid())
  reader.end()
  return { name, sql, parameterTypes }
}

export function decodeBind(body: Buffer): BindMessage {
  const reader = new BodyReader(body)
  const [portal, statement] = [reader.text(), reader.text()]
  const parameterFormats = formats(reader)
  const parameters = Array.from({ length: reader.count(4) }, () => reader.value())
  const resultFormats = formats(reader)
  reader.end()
  return { portal, statement, parameterFormats, parameters, resultFormats }
}

export function decodeTarget(body: Buffer): TargetMessage {
  const reader = new BodyReader(body)
  const letter = String.fromCharCode(reader.byte())
  const name = reader.text()
  reader.end()
  if (letter === 'S') return { kind: 'statement', name }
  if (letter === 'P') return { kind: 'portal', name }
  throw new WireError('WIRE_BAD_VALUE', `Cannot read Describe or Close: "${letter}" is neither S nor P`)
}

export function decodeExecute(body: Buffer): ExecuteMessage {
  const reader = new BodyReader(body)
  const portal = reader.text()
  const maxRows = reader.int32()
  reader.end()
  return { portal, maxRows }
}

/** The format that holds for the value at `index` (manual: Bind). */
export function formatAt(formats: readonly number[], index: number): 0 | 1 {
  const format = formats.length === 1 ? formats[0] : formats[index]
  return format === 1 ? 1 : 0
}

function formats(reader: BodyReader): (0 | 1)[] {
  return Array.from({ length: reader.count(2) }, () => {
    const format = reader.int16()
    if (format !== 0 && format !== 1)
      throw new WireError('WIRE_BAD_VALUE', `Cannot read Bind: format ${format} is unknown`)
    return format
  })
}
