import { sql } from 'kysely'
import { z } from 'zod'
import { type AuditRecord, type AuditSearch, auditSearch } from '../../api/audit.ts'
import type { SessionOpened, StatementFinished, StatementStarted } from '../../audit/entry.ts'
import { AppError } from '../../base/app-error.ts'
import type { Store } from '../store/open-store.ts'
import type { Tables } from '../store/tables.ts'
import { hasWords } from '../store/word-index.ts'

/** Where a page ended: the time and id of its last record. */
const place = z.tuple([z.int(), z.string()])

function recordsIn({ db }: Store) {
  return db
    .selectFrom('records')
    .leftJoin('stream_openings', 'stream_openings.stream', 'records.stream')
    .selectAll('records')
    .select('stream_openings.entry as opening')
}

/** A page of records, newest first. `own`: only those of this subject. @throws AppError `USAGE` */
export async function searchRecords(
  store: Store,
  search: AuditSearch,
  own: string | null,
): Promise<{ readonly records: AuditRecord[]; readonly next: string | null }> {
  const wanted = auditSearch.parse(search)
  let query = filtered(store, wanted)
    .orderBy('records.at_ms', 'desc')
    .orderBy('records.id', 'desc')
    .limit(wanted.limit + 1)
  if (own !== null) query = query.where('records.sub', '=', own)
  const words = hasWords(store.db, sql.ref<string>('records.id'), {
    text: wanted.text || undefined,
    reason: wanted.reason || undefined,
  })
  if (words) query = query.where(words)
  if (wanted.cursor) {
    const [atMs, id] = readCursor(wanted.cursor)
    query = query.where(({ or, and, eb }) =>
      or([eb('records.at_ms', '<', atMs), and([eb('records.at_ms', '=', atMs), eb('records.id', '<', id)])]),
    )
  }
  const rows = await query.execute()
  const page = rows.slice(0, wanted.limit)
  const last = page.at(-1)
  return { records: page.map(recordOf), next: rows.length > page.length && last ? cursorOf(last) : null }
}

export async function findRecord(store: Store, id: string, own: string | null): Promise<AuditRecord | undefined> {
  const row = await recordsIn(store).where('records.id', '=', id).executeTakeFirst()
  return row && (own === null || row.sub === own) ? recordOf(row) : undefined
}

function filtered(store: Store, wanted: z.output<typeof auditSearch>): ReturnType<typeof recordsIn> {
  const { connection, verdict, session, sinceMs, untilMs, who, rule } = wanted
  let query = recordsIn(store)
  if (connection) query = query.where('records.connection', '=', connection)
  if (verdict) query = query.where('records.verdict', '=', verdict)
  if (session) query = query.where('records.session', '=', session)
  if (sinceMs !== undefined) query = query.where('records.at_ms', '>=', sinceMs)
  if (untilMs !== undefined) query = query.where('records.at_ms', '<', untilMs)
  if (who) query = query.where(({ or, eb }) => or([eb('records.sub', '=', who), eb('records.email', '=', who)]))
  if (rule) {
    query = query.where(({ exists, selectFrom }) =>
      exists(
        selectFrom('record_rules')
          .select('record')
          .whereRef('record_rules.record', '=', 'records.id')
          .where('record_rules.rule', '=', rule),
      ),
    )
  }
  return query
}

function recordOf(row: Tables['records'] & { readonly opening: string | null }): AuditRecord {
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

function cursorOf({ at_ms, id }: Pick<Tables['records'], 'at_ms' | 'id'>): string {
  return Buffer.from(JSON.stringify([at_ms, id])).toString('base64url')
}

function readCursor(cursor: string): z.output<typeof place> {
  try {
    return place.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()))
  } catch (error) {
    throw new AppError('USAGE', `Cannot read cursor "${cursor}"`, {
      cause: error,
      hint: 'Use the one a search has returned',
    })
  }
}
