import { safeForTerminal } from '../../base/terminal-text.ts'
import { delimited, safeRow } from './delimited.ts'
import type { OutputFormat } from './format.ts'
import { jsonText } from './json-text.ts'
import { isoTime } from './when.ts'

/** One thing with members, as a command prints it: JSON as it is; for people `name  value`, one fact per line. */
export function recordLines(
  record: Readonly<Record<string, unknown>>,
  format: OutputFormat,
  isTty: boolean,
): readonly string[] {
  if (format === 'json' || format === 'jsonl') return [jsonText(record)]
  const facts = factsOf(record, '')
  if (format === 'table') {
    const width = Math.max(...facts.map(([name]) => name.length))
    return facts.flatMap(([name, value]) => {
      const [first = '', ...others] = (value ?? '').split('\n').map(safeForTerminal)
      return [
        ` ${name.padEnd(width)}  ${first}`.trimEnd(),
        ...others.map((line) => ` ${' '.repeat(width)}  ${line}`.trimEnd()),
      ]
    })
  }
  const rows = format === 'raw' ? facts.map(([, value]) => [value]) : [['name', 'value'], ...facts]
  return rows.map((row) => delimited[format](isTty ? safeRow(row) : row))
}

type Fact = readonly [name: string, value: string | null]

/** Members of members stand as `outer.inner`; what ends in `AtMs` is an instant. */
function factsOf(value: unknown, name: string): readonly Fact[] {
  if (value === null || value === undefined) return [[name, null]]
  if (Array.isArray(value)) {
    if (value.every((item) => typeof item !== 'object')) return [[name, value.join(', ')]]
    return value.flatMap((item, index) => factsOf(item, `${name}.${index + 1}`))
  }
  if (typeof value === 'object') {
    return Object.entries(value).flatMap(([key, inner]) => factsOf(inner, name === '' ? key : `${name}.${key}`))
  }
  if (typeof value === 'number' && /(^|\.)(atMs|\w+AtMs)$/.test(name))
    return [[name.replace(/Ms$/, ''), isoTime(value)]]
  return [[name, String(value)]]
}
