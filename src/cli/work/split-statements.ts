import { loadParser, parseStatements, SqlSyntaxError } from '../../engines/postgres/sql/parser.ts'

/**
 * The statements of a text, each by itself and without its semicolon, as PostgreSQL's own grammar tells them apart. A text the
 * grammar refuses stays whole: the guard refuses it too, and that is recorded.
 */
export async function splitStatements(sql: string): Promise<readonly string[]> {
  await loadParser()
  try {
    const bytes = Buffer.from(sql)
    return parseStatements(sql).map(({ start, length }) =>
      bytes
        .subarray(start, length === undefined || length === 0 ? undefined : start + length)
        .toString()
        .trim(),
    )
  } catch (error) {
    if (error instanceof SqlSyntaxError) return [sql.trim()]
    throw error
  }
}
