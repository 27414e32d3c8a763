import { sql, type Transaction } from 'kysely'
import type { StatementFinished, StatementStarted } from '../../audit/entry.ts'
import type { StoredSession } from '../sessions/session-store.ts'
import type { Tables } from '../store/tables.ts'
import { indexWords } from '../store/word-index.ts'
import type { Believed } from './believe.ts'
import { chunksOf } from './chunks.ts'

type Database = Transaction<Tables>

interface Projecting {
  readonly session: StoredSession
  readonly receivedAtMs: number
  readonly believed: readonly Believed[]
}

/** One row per statement, made of its two entries as they arrive, for searching. The links stay the truth. */
export async function project(db: Database, about: Projecting): Promise<void> {
  const finished = new Map<string, StatementFinished>()
  for (const { told } of about.believed) if (told?.kind === 'statement.finished') finished.set(told.id, told)
  await addOpening(db, about)
  for (const id of await addRecords(db, about, finished)) finished.delete(id)
  await finishRecords(db, [...finished.values()])
}

async function addOpening(db: Database, { session, believed }: Projecting): Promise<void> {
  const opened = believed.find(({ told }) => told?.kind === 'session.opened')?.told
  if (!opened) return
  await db
    .insertInto('stream_openings')
    .values({ stream: session.stream, entry: JSON.stringify(opened) })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** Adds the statements of a batch, finished where it tells of that too; answers with their ids. */
async function addRecords(
  db: Database,
  { session, receivedAtMs, believed }: Projecting,
  finished: ReadonlyMap<string, StatementFinished>,
): Promise<readonly string[]> {
  const started = believed.flatMap(({ link, told }) =>
    told?.kind === 'statement.started' ? [{ seq: link.seq, told }] : [],
  )
  const common = { stream: session.stream, session: session.id, received_at_ms: receivedAtMs }
  const who = { sub: session.sub, email: session.email, connection: session.connection }
  const rows = started.map(({ seq, told }) => {
    const end = finished.get(told.id)
    return {
      ...{ id: told.id, seq, at_ms: told.atMs, verdict: told.verdict },
      ...common,
      ...who,
      started: JSON.stringify(told),
      finished: end ? JSON.stringify(end) : null,
    }
  })
  for (const chunk of chunksOf(rows)) await db.insertInto('records').values(chunk).execute()
  const statements = started.map(({ told }) => told)
  await addRules(db, statements)
  for (const chunk of chunksOf(statements)) await indexWords(db, chunk)
  return statements.map(({ id }) => id)
}

async function addRules(db: Database, statements: readonly StatementStarted[]): Promise<void> {
  const rows = statements.flatMap(({ id, rules }) =>
    [...new Set(rules.map((rule) => rule.id.replaceAll('\0', '')))].map((rule) => ({ record: id, rule })),
  )
  for (const chunk of chunksOf(rows)) await db.insertInto('record_rules').values(chunk).execute()
}

async function finishRecords(db: Database, finished: readonly StatementFinished[]): Promise<void> {
  for (const chunk of chunksOf(finished)) {
    const values = sql.join(chunk.map((told) => sql`(${told.id}, ${JSON.stringify(told)})`))
    // VALUES names its columns so on both.
    await sql`update records set finished = told.column2 from (values ${values}) as told
      where records.id = told.column1 and records.finished is null`.execute(db)
  }
}
