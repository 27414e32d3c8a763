import type { Batch, StreamHead } from '../../api/audit.ts'
import { findBreak, genesis } from '../../audit/chain.ts'
import { type Entry, entry } from '../../audit/entry.ts'
import { AppError } from '../../base/app-error.ts'
import type { ServerContext } from '../context.ts'
import type { StoredSession } from '../sessions/session-store.ts'
import type { Tables } from '../store/tables.ts'
import { project } from './records.ts'

/**
 * Adds a run of links to a session's stream, all or nothing, and answers only after it is durable. What is already there is
 * compared and passed over; an entry that is not the session's own, or is not understood, is kept, marked, and alarmed, and
 * never blocks what comes after it.
 */
export async function ingest(context: ServerContext, session: StoredSession, { links }: Batch): Promise<StreamHead> {
  const { stream } = session
  return context.store.db.transaction().execute(async (transaction) => {
    const head = await headOf(context, stream, transaction)
    const known = links.filter(({ seq }) => seq <= head.seq)
    await compareKnown(context, stream, known, transaction)
    const fresh = links.slice(known.length)
    const [first] = fresh
    if (first && first.seq !== head.seq + 1) {
      throw new AppError('STREAM_GAP', `Cannot add to the stream: ${head.seq + 1} is expected next, not ${first.seq}`)
    }
    const broken = findBreak(stream, head.seq === 0 ? null : head, fresh)
    if (broken) throw await conflict(context, stream, `link ${broken.seq} does not follow: ${broken.why}`)
    const receivedAtMs = context.clock.nowMs()
    const read = fresh.map((link) => ({ link, ...readEntry(link.body, session) }))
    for (const chunk of chunksOf(read, 100)) {
      await transaction
        .insertInto('links')
        .values(chunk.map(({ link, quarantine }) => ({ stream, ...link, received_at_ms: receivedAtMs, quarantine })))
        .execute()
    }
    for (const { link, told, quarantine } of read) {
      if (told) await project(transaction, { stream, seq: link.seq, receivedAtMs, entry: told, session })
      else await alert(context, { kind: 'quarantined', stream, detail: `link ${link.seq}: ${quarantine}` }, transaction)
    }
    const last = fresh.at(-1)
    return last ? { seq: last.seq, hash: last.hash } : head
  })
}

type Database = Pick<ServerContext['store']['db'], 'selectFrom' | 'insertInto' | 'updateTable'>

/** The last link the server has of a stream. */
export async function headOf(
  context: ServerContext,
  stream: string,
  db: Database = context.store.db,
): Promise<StreamHead> {
  const last = await db
    .selectFrom('links')
    .select(['seq', 'hash'])
    .where('stream', '=', stream)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  return last ?? { seq: 0, hash: genesis }
}

async function compareKnown(
  context: ServerContext,
  stream: string,
  known: Batch['links'],
  db: Database,
): Promise<void> {
  const [first] = known
  const last = known.at(-1)
  if (!first || !last) return
  const stored = await db
    .selectFrom('links')
    .select(['seq', 'hash'])
    .where('stream', '=', stream)
    .where('seq', '>=', first.seq)
    .where('seq', '<=', last.seq)
    .execute()
  const hashes = new Map(stored.map(({ seq, hash }) => [seq, hash]))
  const other = known.find(({ seq, hash }) => hashes.get(seq) !== hash)
  if (other) throw await conflict(context, stream, `link ${other.seq} differs from the one that was stored`)
}

/** Two histories of one stream: somebody rewrote what had been recorded. Never resolved silently. */
async function conflict(context: ServerContext, stream: string, why: string): Promise<AppError> {
  context.log.error('audit stream conflict', { stream, why })
  return new AppError('STREAM_CONFLICT', `Cannot add to the stream: ${why}`, {
    hint: 'The local record was changed after it was written; it is kept as it is for whoever looks into this',
  })
}

export async function alert(
  context: ServerContext,
  about: Omit<Tables['alerts'], 'at_ms'>,
  db: Database = context.store.db,
): Promise<void> {
  context.log.warn(`audit alert: ${about.kind}`, { stream: about.stream, detail: about.detail })
  await db
    .insertInto('alerts')
    .values({ at_ms: context.clock.nowMs(), ...about })
    .execute()
}

/** The entry, when it is one and tells of its own session what the server knows of that. */
function readEntry(body: string, session: StoredSession): { readonly told: Entry | null; readonly quarantine: string } {
  const parsed = entry.safeParse(parseJson(body))
  if (!parsed.success) return { told: null, quarantine: 'it is not an entry' }
  const told = parsed.data
  if (told.session !== session.id) return { told: null, quarantine: 'it tells of another session' }
  const isOthers =
    (told.kind === 'session.opened' || told.kind === 'statement.started') &&
    (told.actor.sub !== session.sub || told.connection !== session.connection)
  return isOthers ? { told: null, quarantine: 'it names another person or connection' } : { told, quarantine: '' }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Not JSON, hence not an entry: the caller says so.
    return undefined
  }
}

function chunksOf<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size))
}
