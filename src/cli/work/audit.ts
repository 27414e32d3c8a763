import { type AuditRecord, type AuditSearch, getAuditRecord, searchAudit as searchAuditRoute } from '../../api/audit.ts'
import type { ApiClient } from '../../api/client.ts'
import { AppError } from '../../base/app-error.ts'
import { parseDurationMs } from '../../base/duration.ts'
import type { Listing } from '../output/listing.ts'
import { clockTime, isoTime, relativeTime } from '../output/when.ts'

/** One page of the log, newest first, and where the next one starts. */
export interface AuditPage {
  readonly records: readonly AuditRecord[]
  readonly next: string | null
}

export async function searchAudit(api: ApiClient, search: AuditSearch): Promise<AuditPage> {
  return api.call(searchAuditRoute, { query: search })
}

export async function getRecord(api: ApiClient, id: string): Promise<AuditRecord> {
  return api.call(getAuditRecord, { params: { id } })
}

/**
 * An instant as people write one: `24h` (that long ago), a date, or a date and time (local, unless it has a zone).
 * @throws AppError `USAGE` when it is neither
 */
export function instantMs(text: string, nowMs: number): number {
  if (/^\d+[a-z]+$/.test(text)) return nowMs - parseDurationMs(text)
  // A bare date is midnight here, not in Greenwich as Date would have it.
  const parsed = new Date(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00` : text).getTime()
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(parsed)) return parsed
  throw new AppError('USAGE', `Cannot read time "${text}"`, { hint: 'Write 24h, 2026-11-22 or 2026-11-22T15:04:05Z' })
}

export function auditListing(items: readonly AuditRecord[], nowMs: number): Listing<AuditRecord> {
  return {
    name: 'records',
    items,
    columns: [
      {
        key: 'at',
        title: 'TIME',
        value: ({ started }) => isoTime(started.atMs),
        show: ({ started }) => shortTime(started.atMs, nowMs),
      },
      { key: 'who', title: 'WHO', value: ({ started }) => started.actor.email },
      { key: 'connection', title: 'WHERE', value: ({ started }) => started.connection },
      { key: 'action', title: 'ACTION', value: ({ started }) => started.verb },
      { key: 'objects', title: 'OBJECT', value: objectsOf },
      { key: 'verdict', title: 'VERDICT', value: verdictOf },
      { key: 'rows', title: 'ROWS', alignsRight: true, value: rowsOf },
      { key: 'reason', title: 'REASON', value: ({ started }) => started.reason },
      { key: 'id', title: 'ID', value: ({ id }) => id },
    ],
  }
}

/** What became of a statement: its verdict, with the rule where one stopped it, and a failure where there was one. */
function verdictOf({ started, finished }: AuditRecord): string {
  const [rule] = started.rules
  if (started.verdict === 'denied' || started.verdict === 'held')
    return `${started.verdict} ${rule?.id ?? ''}`.trimEnd()
  if (finished === null || finished.outcome === 'completed') return started.verdict
  return `${started.verdict}, ${finished.outcome}${finished.sqlstate ? ` ${finished.sqlstate}` : ''}`
}

function objectsOf({ started }: AuditRecord): string {
  return [...new Set(started.effects.map(({ object }) => object).filter((object) => object !== ''))].join(', ')
}

function rowsOf({ finished }: AuditRecord): string | null {
  return finished === null ? null : String(Math.max(finished.rowsReturned, finished.rowsAffected))
}

function shortTime(atMs: number, nowMs: number): string {
  return nowMs - atMs < 86_400_000 ? clockTime(atMs) : relativeTime(atMs, nowMs)
}
