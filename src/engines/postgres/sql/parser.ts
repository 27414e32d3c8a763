import { AppError } from '../../../base/app-error.ts'
import type { Tree } from './tree.ts'

/** PostgreSQL's own parser, compiled to WebAssembly (libpg-query). */
type Parser = typeof import('libpg-query')

let parser: Parser | undefined

/** One statement of a text, with where it stands in UTF-8 bytes. */
export interface RawStatement {
  readonly stmt: Tree
  readonly start: number
  /** Undefined: to the end of the text. */
  readonly length: number | undefined
}

/** A text that PostgreSQL's grammar refuses. */
export class SqlSyntaxError extends Error {
  override readonly name = 'SqlSyntaxError'
  /** 1-based character of the text; 0 where unknown. */
  readonly position: number

  constructor(message: string, position: number) {
    super(message)
    this.position = position
  }
}

/** Loads the parser, once in a process. The first parse is the slow one, so it happens here. */
export async function loadParser(): Promise<void> {
  if (parser) return
  const loaded = await import('libpg-query')
  await loaded.loadModule()
  loaded.parseSync('SELECT 1')
  parser = loaded
}

/**
 * @throws SqlSyntaxError for whatever the parser does not take, its own exhaustion included
 * @throws AppError when `loadParser` has not finished
 */
export function parseStatements(sql: string): readonly RawStatement[] {
  if (!parser) throw new AppError('UNEXPECTED', 'Cannot analyse a statement: the parser is not loaded')
  if (sql.trim() === '') return []
  try {
    const { stmts = [] } = parser.parseSync(sql) as {
      stmts?: { stmt: Tree; stmt_location?: number; stmt_len?: number }[]
    }
    return stmts.map(({ stmt, stmt_location, stmt_len }) => ({ stmt, start: stmt_location ?? 0, length: stmt_len }))
  } catch (error) {
    throw new SqlSyntaxError(messageOf(error), positionOf(error))
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'the parser gave up'
}

function positionOf(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('sqlDetails' in error)) return 0
  const details = error.sqlDetails as { cursorPosition?: unknown }
  return typeof details.cursorPosition === 'number' && details.cursorPosition >= 0 ? details.cursorPosition + 1 : 0
}
