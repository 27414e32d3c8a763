import { delimited, safeRow } from './delimited.ts'
import type { OutputFormat } from './format.ts'
import { jsonText, safeJson } from './json-text.ts'
import { tableLines } from './table.ts'

/** One column of a result, with the name of its type (`int8`) or, where it is none of PostgreSQL's own, its number. */
export interface ResultColumn {
  readonly name: string
  readonly type: string
}

/** Rows of one statement, their values in PostgreSQL's text form. */
export interface ResultSet {
  readonly columns: readonly ResultColumn[]
  readonly rows: readonly (readonly (string | null)[])[]
}

/** What JSON says around the rows. */
export interface ResultNotes {
  readonly rowCount: number
  readonly truncated: boolean
  readonly masked: readonly string[]
  readonly audit: string | null
}

const numbers = new Set(['int2', 'int4', 'oid', 'float4', 'float8'])
const rightAligned = new Set([...numbers, 'int8', 'numeric', 'money'])

/** The lines of one result in one format. int8 and numeric are strings in JSON, so that no digit is lost. */
export function resultLines(
  { columns, rows }: ResultSet,
  notes: ResultNotes,
  { format, isTty }: { readonly format: OutputFormat; readonly isTty: boolean },
): readonly string[] {
  if (format === 'json') {
    const values = rows.map((row) => `[${row.map((value, at) => jsonValue(value, columns[at])).join(',')}]`)
    const tail = jsonText(notes).slice(1)
    return [`{"columns":${jsonText(columns)},"rows":[${values.join(',')}],${tail}`]
  }
  if (format === 'jsonl') {
    const keys = uniqueNames(columns).map(jsonText)
    return rows.map((row) => `{${row.map((value, at) => `${keys[at]}:${jsonValue(value, columns[at])}`).join(',')}}`)
  }
  if (format === 'table') {
    return tableLines(
      columns.map(({ name, type }) => ({ title: name, alignsRight: rightAligned.has(type) })),
      rows,
    )
  }
  const all = format === 'raw' ? rows : [columns.map(({ name }) => name), ...rows]
  return all.map((row) => delimited[format](isTty ? safeRow(row) : row))
}

function jsonValue(value: string | null, column: ResultColumn | undefined): string {
  if (value === null) return 'null'
  const type = column?.type ?? ''
  if (type === 'bool' && (value === 't' || value === 'f')) return value === 't' ? 'true' : 'false'
  // A float of JavaScript prints back as PostgreSQL's shortest form does; NaN and Infinity are no JSON numbers.
  if (numbers.has(type) && /^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(value)) return value
  if ((type === 'json' || type === 'jsonb') && isJson(value)) return safeJson(value)
  return jsonText(value)
}

/** A masked json value may be no JSON any more. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    // That it does not parse is the answer.
    return false
  }
}

/** Names of object members: a repeated column name gets `_2`, `_3`, so that no value hides another. */
function uniqueNames(columns: readonly ResultColumn[]): readonly string[] {
  const taken = new Set<string>()
  return columns.map(({ name }) => {
    let unique = name
    for (let count = 2; taken.has(unique); count++) unique = `${name}_${count}`
    taken.add(unique)
    return unique
  })
}
