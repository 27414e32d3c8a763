import { type Expression, type Kysely, PostgresAdapter, type SqlBool, sql } from 'kysely'
import type { StatementStarted } from '../../audit/entry.ts'
import { AppError } from '../../base/app-error.ts'
import type { Tables } from './tables.ts'

/**
 * Finds records by words: FTS5 on SQLite, tsvector with GIN on PostgreSQL. What a word is, is decided here and not by either of
 * them, so that both find the same: a run of letters, digits, `_` and `$`, found by its beginning. An identifier is found by
 * each of its parts too.
 */

type Database = Pick<Kysely<Tables>, 'getExecutor'>

/** What is asked of the index; absent: anything. */
export interface Words {
  readonly text?: string | undefined
  readonly reason?: string | undefined
}

const longestWord = 100
const mostAsked = 40
/** A tsvector holds a megabyte; a statement of more words than this is found by its first ones. */
const mostWords = 4_000

export async function createWordIndex(db: Kysely<unknown>): Promise<void> {
  if (!isPostgres(db)) {
    await sql`create virtual table record_words using fts5(
      record unindexed, words, reason, tokenize = "unicode61 remove_diacritics 0 tokenchars '_$'")`.execute(db)
    return
  }
  await sql`create table record_words (record text primary key, words tsvector not null, reason tsvector not null)`.execute(
    db,
  )
  await sql`create index record_words_words on record_words using gin (words)`.execute(db)
  await sql`create index record_words_reason on record_words using gin (reason)`.execute(db)
}

/** Adds records, each once. */
export async function indexWords(db: Kysely<Tables>, records: readonly StatementStarted[]): Promise<void> {
  if (records.length === 0) return
  const rows = records.map((record) => ({
    id: record.id,
    words: allWords([record.sql, record.verb, ...record.effects.map(({ object }) => object)].join(' ')),
    reason: allWords(record.reason),
  }))
  const values = isPostgres(db)
    ? rows.map(
        ({ id, words, reason }) =>
          sql`(${id}, array_to_tsvector(${words}::text[]), array_to_tsvector(${reason}::text[]))`,
      )
    : rows.map(({ id, words, reason }) => sql`(${id}, ${words.join(' ')}, ${reason.join(' ')})`)
  await sql`insert into record_words (record, words, reason) values ${sql.join(values)}`.execute(db)
}

/**
 * Whether the record of that id has all these words; null when nothing is asked. A text without a word is in none.
 * @throws AppError `USAGE` when more is asked than anybody types
 */
export function hasWords(db: Database, record: Expression<string>, asked: Words): Expression<SqlBool> | null {
  const text = asked.text === undefined ? null : wordsOf(asked.text)
  const reason = asked.reason === undefined ? null : wordsOf(asked.reason)
  if (text === null && reason === null) return null
  if ((text?.length ?? 0) + (reason?.length ?? 0) > mostAsked)
    throw new AppError('USAGE', `Cannot search for more than ${mostAsked} words`, { hint: 'Leave out the common ones' })
  if (text?.length === 0 || reason?.length === 0) return sql<SqlBool>`1 = 0`
  const columns = { words: text ?? [], reason: reason ?? [] }
  return isPostgres(db) ? onPostgres(record, columns) : onSqlite(record, columns)
}

type Columns = Readonly<Record<'words' | 'reason', readonly string[]>>

function onSqlite(record: Expression<string>, columns: Columns): Expression<SqlBool> {
  const match = Object.entries(columns)
    .filter(([, words]) => words.length > 0)
    .map(([column, words]) => `${column} : (${words.map((word) => `"${word}"*`).join(' AND ')})`)
    .join(' AND ')
  return sql<SqlBool>`${record} in (select record from record_words where record_words match ${match})`
}

function onPostgres(record: Expression<string>, columns: Columns): Expression<SqlBool> {
  const matches = Object.entries(columns)
    .filter(([, words]) => words.length > 0)
    .map(([column, words]) => sql`${sql.ref(column)} @@ ${words.map((word) => `'${word}':*`).join(' & ')}::tsquery`)
  return sql<SqlBool>`${record} in (select record from record_words where ${sql.join(matches, sql` and `)})`
}

/** Words in order, each once. Nothing in them has a meaning in a query of either index. */
function wordsOf(text: string): string[] {
  const found = text.toLowerCase().match(/[\p{L}\p{N}_$]+/gu) ?? []
  return [...new Set(found.map((word) => word.slice(0, longestWord)))]
}

function allWords(text: string): string[] {
  const words = wordsOf(text)
  const parts = words.flatMap((word) => (/[_$]/.test(word) ? word.split(/[_$]+/).filter(Boolean) : []))
  return [...new Set([...words, ...parts])].slice(0, mostWords)
}

function isPostgres(db: Database): boolean {
  return db.getExecutor().adapter instanceof PostgresAdapter
}
