import type { Transaction } from 'kysely'
import type { Batch, StreamHead } from '../../api/audit.ts'
import { findBreak, genesis } from '../../audit/chain.ts'
import { AppError } from '../../base/app-error.ts'
import type { ServerContext } from '../context.ts'
import type { StoredSession } from '../sessions/session-store.ts'
import type { Tables } from '../store/tables.ts'
import { type Believed, believe } from './believe.ts'
import { chunksOf } from './chunks.ts'
import { project } from './projection.ts'

type Link = Batch['links'][number]
type Database = Transaction<Tables>

/**
 * Adds a run of links to a session's stream, all or nothing, and answers only after it is durable. What is already there is
 * compared and passed over; an entry that is not the session's own, or is not understood, is kept, marked, and alarmed, and
 * never blocks what comes after it.
 * @throws AppError `STREAM_CONFLICT` or `STREAM_GAP`, with nothing added
 */
export async function ingest(context: ServerContext, session: StoredSession, { links }: Batch): Promise<StreamHead> {
  const { stream } = session
  demandRun(stream, links)
  const { head, quarantined } = await context.store.db.transaction().execute(async (transaction) => {
    const before = await takeHead(transaction, session)
    const fresh = await withoutKnown(transaction, { stream, head: before, links })
    const last = fresh.at(-1)
    if (!last) return { head: before, quarantined: [] }
    const believed = await believe(transaction, session, fresh)
    const receivedAtMs = context.clock.nowMs()
    await addLinks(transaction, { stream, receivedAtMs, believed })
    await project(transaction, { session, receivedAtMs, believed })
    const quarantined = believed.filter(({ quarantine }) => quarantine !== '')
    await addAlerts(transaction, { stream, atMs: receivedAtMs, quarantined })
    const head: StreamHead = { seq: last.seq, hash: last.hash }
    await transaction.updateTable('streams').set(head).where('stream', '=', stream).execute()
    return { head, quarantined }
  })
  for (const { link, quarantine } of quarantined) {
    context.log.warn('audit entry quarantined', { stream, seq: link.seq, hash: link.hash, why: quarantine })
  }
  return head
}

/** The last link the server has of a stream. */
export async function headOf({ store }: ServerContext, stream: string): Promise<StreamHead> {
  const known = await store.db
    .selectFrom('streams')
    .select(['seq', 'hash'])
    .where('stream', '=', stream)
    .executeTakeFirst()
  return known ?? { seq: 0, hash: genesis }
}

/** Notes that somebody tried to tell a stream's history otherwise. Its own transaction: what failed has been undone. */
export async function noteConflict(
  { store, clock, log }: ServerContext,
  stream: string,
  detail: string,
): Promise<void> {
  log.error('audit stream conflict', { stream, detail })
  await store.db.insertInto('alerts').values({ at_ms: clock.nowMs(), kind: 'conflict', stream, detail }).execute()
}

/** What was sent follows from itself, wherever it begins. */
function demandRun(stream: string, links: readonly Link[]): void {
  const [first] = links
  if (!first) return
  const broken = findBreak(stream, { seq: first.seq - 1, hash: first.prev }, links)
  if (broken) throw conflict(`link ${broken.seq} does not follow: ${broken.why}`)
}

/** Where the stream stands. It is a write, so of two uploads at once the second waits here and sees what the first did. */
function takeHead(db: Database, { id, stream }: StoredSession): Promise<StreamHead> {
  return db
    .insertInto('streams')
    .values({ stream, session: id, seq: 0, hash: genesis })
    .onConflict((there) => there.column('stream').doUpdateSet({ session: id }))
    .returning(['seq', 'hash'])
    .executeTakeFirstOrThrow()
}

/** Links that are new. A hash stands for all before it, so the last of the known ones speaks for the rest. */
async function withoutKnown(
  db: Database,
  { stream, head, links }: { readonly stream: string; readonly head: StreamHead; readonly links: readonly Link[] },
): Promise<readonly Link[]> {
  const known = links.filter(({ seq }) => seq <= head.seq)
  const lastKnown = known.at(-1)
  if (lastKnown) {
    const stored = await db
      .selectFrom('links')
      .select('hash')
      .where('stream', '=', stream)
      .where('seq', '=', lastKnown.seq)
      .executeTakeFirst()
    if (stored?.hash !== lastKnown.hash)
      throw conflict(`links up to ${lastKnown.seq} differ from the ones that were stored`)
  }
  const fresh = links.slice(known.length)
  const [first] = fresh
  if (first && first.seq !== head.seq + 1)
    throw new AppError('STREAM_GAP', `Cannot add to the stream: ${head.seq + 1} is expected next, not ${first.seq}`)
  if (first && first.prev !== head.hash) throw conflict(`link ${first.seq} follows another one than was stored`)
  return fresh
}

async function addLinks(
  db: Database,
  about: { readonly stream: string; readonly receivedAtMs: number; readonly believed: readonly Believed[] },
): Promise<void> {
  const { stream, receivedAtMs, believed } = about
  const rows = believed.map(({ link, quarantine }) => ({
    stream,
    ...link,
    ...storable(link.body),
    received_at_ms: receivedAtMs,
    quarantine,
  }))
  for (const chunk of chunksOf(rows)) await db.insertInto('links').values(chunk).execute()
}

/** PostgreSQL has no NUL in a text, and what is hashed must stay what it was. */
function storable(body: string): Pick<Tables['links'], 'body' | 'encoding'> {
  if (!body.includes('\0')) return { body, encoding: 'text' }
  return { body: Buffer.from(body).toString('base64'), encoding: 'base64' }
}

async function addAlerts(
  db: Database,
  about: { readonly stream: string; readonly atMs: number; readonly quarantined: readonly Believed[] },
): Promise<void> {
  const { stream, atMs, quarantined } = about
  const rows = quarantined.map(({ link, quarantine }) => ({
    at_ms: atMs,
    kind: 'quarantined',
    stream,
    detail: `link ${link.seq}, ${link.hash}: ${quarantine}`,
  }))
  for (const chunk of chunksOf(rows)) await db.insertInto('alerts').values(chunk).execute()
}

/** Two histories of one stream: somebody rewrote what had been recorded. Never resolved silently. */
function conflict(why: string): AppError {
  return new AppError('STREAM_CONFLICT', `Cannot add to the stream: ${why}`, {
    hint: 'The local record was changed after it was written; it is kept as it is for whoever looks into this',
  })
}
