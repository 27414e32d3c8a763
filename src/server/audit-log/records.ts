import type { Transaction } from 'kysely'
import type { AuditRecord, AuditSearch } from '../../api/audit.ts'
import { auditSearch } from '../../api/audit.ts'
import type { Entry, SessionOpened, StatementFinished, StatementStarted } from '../../audit/entry.ts'
import { AppError } from '../../base/app-error.ts'
import type { StoredSession } from '../sessions/session-store.ts'
import type { Store } from '../store/open-store.ts'
import type { Tables } from '../store/tables.ts'

/** One row per statement, made of its two entries as they arrive, for searching. The links stay the truth. */
export async function project(
  db: Transaction<Tables>,
  about: { stream: string; seq: number; receivedAtMs: number; entry: Entry; session: StoredSession },
): Promise<void> {
  const { stream, seq, receivedAtMs, entry, session } = about
  switch (entry.kind) {
    case 'session.opened':
      await db
        .insertInto('stream_openings')
        .values({ stream, entry: JSON.stringify(entry) })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
      return
    case 'session.closed':
      return
    case 'statement.started':
      await db
        .insertInto('records')
        .values({
          id: entry.id,
          stream,
          seq,
          session: session.id,
          at_ms: entry.atMs,
          received_at_ms: receivedAtMs,
          sub: session.sub,
          email: session.email,
          connection: session.connection,
          verdict: entry.verdict,
          rules: ` ${entry.rules.map(({ id }) => id).join(' ')} `,
          reason: entry.reason,
          words: wordsOf(entry),
          started: JSON.stringify(entry),
          finished: null,
        })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
      return
    case 'statement.finished':
      await db
        .updateTable('records')
        .set({ finished: JSON.stringify(entry) })
        .where('id', '=', entry.id)
        .where('stream', '=', stream)
        .where('finished', 'is', null)
        .execute()
      return
    default:
      entry satisfies never
  }
}

/** A page of records, newest first. `own`: only those of this subject. */
export async function searchRecords(
  { db }: Store,
  search: AuditSearch,
  own: string | null,
): Promise<{ readonly records: AuditRecord[]; readonly next: string | null }> {
  const wanted = auditSearch.parse(search)
  let query = db
    .selectFrom('records')
    .leftJoin('stream_openings', 'stream_openings.stream', 'records.stream')
    .selectAll('records')
    .select('stream_openings.entry as opening')
    .orderBy('records.at_ms', 'desc')
    .orderBy('records.id', 'desc')
    .limit(wanted.limit + 1)
  if (own !== null) query = query.where('records.sub', '=', own)
  if (wanted.connection) query = query.where('records.connection', '=', wanted.connection)
  if (wanted.verdict) query = query.where('records.verdict', '=', wanted.verdict)
  if (wanted.session) query = query.where('records.session', '=', wanted.session)
  if (wanted.sinceMs !== undefined) query = query.where('records.at_ms', '>=', wanted.sinceMs)
  if (wanted.untilMs !== undefined) query = query.where('records.at_ms', '<', wanted.untilMs)
  const { who, rule, reason, text, cursor } = wanted
  if (who) query = query.where((by) => by.or([by('records.sub', '=', who), by('records.email', '=', who)]))
  if (rule) query = query.where('records.rules', 'like', like(` ${rule} `))
  if (reason) query = query.where('records.reason', 'like', like(reason))
  for (const word of (text ?? '').toLowerCase().split(/\s+/).filter(Boolean)) {
    query = query.where('records.words', 'like', like(word))
  }
  if (cursor) {
    const { atMs, id } = readCursor(cursor)
    query = query.where((by) =>
      by.or([by('records.at_ms', '<', atMs), by.and([by('records.at_ms', '=', atMs), by('records.id', '<', id)])]),
    )
  }
  const rows = await query.execute()
  const page = rows.slice(0, wanted.limit)
  const last = page.at(-1)
  return { records: page.map(recordOf), next: rows.length > page.length && last ? `${last.at_ms}-${last.id}` : null }
}

export async function findRecord({ db }: Store, id: string, own: string | null): Promise<AuditRecord | undefined> {
  const row = await db
    .selectFrom('records')
    .leftJoin('stream_openings', 'stream_openings.stream', 'records.stream')
    .selectAll('records')
    .select('stream_openings.entry as opening')
    .where('records.id', '=', id)
    .executeTakeFirst()
  return row && (own === null || row.sub === own) ? recordOf(row) : undefined
}

function recordOf(row: Tables['records'] & { opening: string | null }): AuditRecord {
  return {
    id: row.id,
    stream: row.stream,
    seq: row.seq,
    receivedAtMs: row.received_at_ms,
    session: row.opening === null ? null : (JSON.parse(row.opening) as SessionOpened),
    started: JSON.parse(row.started) as StatementStarted,
    finished: row.finished === null ? null : (JSON.parse(row.finished) as StatementFinished),
  }
}

function wordsOf(entry: StatementStarted): string {
  return [entry.sql, entry.verb, ...entry.effects.map(({ object }) => object)].join(' ').toLowerCase()
}

/** A pattern for LIKE on both dialects: their only common wildcard characters are made literal by leaving them out. */
function like(text: string): string {
  return `%${text.replace(/[%\\]/g, '')}%`
}

function readCursor(cursor: string): { atMs: number; id: string } {
  const match = /^(\d{1,16})-(evt_[0-9A-Z]{26})$/.exec(cursor)
  if (!match)
    throw new AppError('USAGE', `Cannot read cursor "${cursor}"`, { hint: 'Use the one a search has returned' })
  return { atMs: Number(match[1]), id: match[2] ?? '' }
}
