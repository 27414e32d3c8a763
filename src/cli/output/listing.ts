import { delimited, safeRow } from './delimited.ts'
import type { OutputFormat } from './format.ts'
import { jsonText } from './json-text.ts'
import { tableLines } from './table.ts'

/** One column of a listing: its name for programs, its heading for people. */
export interface ListingColumn<Item> {
  /** Heading of csv and tsv; frozen once published. */
  readonly key: string
  readonly title: string
  readonly alignsRight?: boolean
  /** What programs get. */
  readonly value: (item: Item) => string | null
  /** What people see, where that is something else. */
  readonly show?: (item: Item) => string
}

/** Things of one kind, as a command prints them: `name` is their member in JSON, which holds the items as they are. */
export interface Listing<Item> {
  readonly name: string
  readonly items: readonly Item[]
  readonly columns: readonly ListingColumn<Item>[]
}

/** The lines of a listing in one format. Empty lists have a heading all the same. */
export function listingLines<Item>(listing: Listing<Item>, format: OutputFormat, isTty: boolean): readonly string[] {
  const { columns, items, name } = listing
  if (format === 'json') return [jsonText({ [name]: items })]
  if (format === 'jsonl') return items.map(jsonText)
  if (format === 'table') {
    const rows = items.map((item) => columns.map(({ show, value }) => (show ? show(item) : (value(item) ?? ''))))
    return tableLines(columns, rows)
  }
  const rows = items.map((item) => columns.map(({ value }) => value(item)))
  const all = format === 'raw' ? rows : [columns.map(({ key }) => key), ...rows]
  return all.map((row) => delimited[format](isTty ? safeRow(row) : row))
}
