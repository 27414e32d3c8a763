import { safeForTerminal } from '../../base/terminal-text.ts'
import { displayWidth, fitTo } from './display-width.ts'

/** One column of a table: its heading, and whether its values line up at their right. */
export interface TableColumn {
  readonly title: string
  readonly alignsRight?: boolean
}

/** A value longer than this is cut on the screen; every other format has it whole. */
const widestCell = 80

/**
 * Rows as lines without borders: a heading, then one line per row, whatever the values hold. Null stands as `NULL`.
 * A last column that is not right-aligned is not padded, so that nothing trails.
 */
export function tableLines(
  columns: readonly TableColumn[],
  rows: readonly (readonly (string | null)[])[],
): readonly string[] {
  const cells = [
    columns.map(({ title }) => oneLine(title)),
    ...rows.map((row) => columns.map((_, index) => oneLine(row[index] ?? 'NULL'))),
  ]
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => displayWidth(row[index] ?? ''))))
  return cells.map((row) =>
    ` ${row.map((cell, index) => pad(cell, widths[index] ?? 0, columns[index]?.alignsRight === true)).join('  ')}`.trimEnd(),
  )
}

function oneLine(text: string): string {
  return fitTo(safeForTerminal(text.replace(/\r\n|\n|\r/g, '⏎').replaceAll('\t', ' ')), widestCell)
}

function pad(cell: string, width: number, alignsRight: boolean): string {
  const gap = ' '.repeat(width - displayWidth(cell))
  return alignsRight ? gap + cell : cell + gap
}
