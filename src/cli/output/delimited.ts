import { safeForTerminal } from '../../base/terminal-text.ts'

type Row = readonly (string | null)[]

/** How values are told apart in lines of text; each function gives one row, without its line end. */
export const delimited = {
  /** RFC 4180. NULL is nothing between the commas, an empty text is `""`. */
  csv: (row: Row): string => row.map(csvField).join(','),
  /** PostgreSQL's own text format of COPY: tabs between, `\N` for NULL, backslash escapes. */
  tsv: (row: Row): string => row.map(tsvField).join('\t'),
  /** The values as they are, tabs between; no heading, no escapes, NULL is nothing. */
  raw: (row: Row): string => row.map((value) => value ?? '').join('\t'),
} as const

/** Makes one row safe to look at; line breaks inside values stay for csv, whose quotes hold them. */
export function safeRow(row: Row): Row {
  return row.map((value) =>
    value === null
      ? null
      : value
          .split('\n')
          .map((line) => safeForTerminal(line))
          .join('\n'),
  )
}

function csvField(value: string | null): string {
  if (value === null) return ''
  return value === '' || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value
}

const tsvEscapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
  '\b': '\\b',
  '\f': '\\f',
  '\v': '\\v',
}

function tsvField(value: string | null): string {
  if (value === null) return '\\N'
  return value.replace(/[\\\t\n\r\b\f\v]/g, (character) => tsvEscapes[character] ?? character)
}
