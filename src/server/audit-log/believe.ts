import { isDeepStrictEqual } from 'node:util'
import type { Transaction } from 'kysely'
import type { Batch } from '../../api/audit.ts'
import { type Entry, entry, type SessionOpened, type StatementStarted } from '../../audit/entry.ts'
import type { StoredSession } from '../sessions/session-store.ts'
import type { Tables } from '../store/tables.ts'

/** A link with what it tells, or why that is not believed. */
export interface Believed {
  readonly link: Batch['links'][number]
  readonly told: Entry | null
  /** Empty when it is believed. */
  readonly quarantine: string
}

/** What the server knows besides the session, asked once for a whole batch. */
interface Known {
  /** Digests of policies that may have been in force. */
  readonly digests: ReadonlySet<string>
  /** Approvals that this session has spent. */
  readonly spent: ReadonlySet<string>
  /** Ids that are taken, by whatever stream. */
  readonly taken: ReadonlySet<string>
  /** Statements of this stream that have not finished. */
  readonly running: ReadonlySet<string>
}

const eventId = /^evt_[0-9A-Z]{1,40}$/

/**
 * Reads entries and compares what they say of the session with what the server knows of it. The spool lies on a machine its
 * user owns: who, where, under which policy and with whose approval is never taken from there.
 */
export async function believe(
  db: Transaction<Tables>,
  session: StoredSession,
  links: readonly Batch['links'][number][],
): Promise<readonly Believed[]> {
  const read = links.map((link) => ({ link, parsed: entry.safeParse(parseJson(link.body)) }))
  const entries = read.flatMap(({ parsed }) => (parsed.success ? [parsed.data] : []))
  const known = await ask(db, session, entries)
  const taken = new Set(known.taken)
  const running = new Set(known.running)
  return read.map(({ link, parsed }) => {
    if (!parsed.success) return { link, told: null, quarantine: 'it is not an entry' }
    const told = parsed.data
    const quarantine = doubt(told, session, { ...known, taken, running })
    if (quarantine !== '') return { link, told: null, quarantine }
    if (told.kind === 'statement.started') {
      taken.add(told.id)
      running.add(told.id)
    }
    if (told.kind === 'statement.finished') running.delete(told.id)
    return { link, told, quarantine }
  })
}

function doubt(told: Entry, session: StoredSession, known: Known): string {
  if (!eventId.test(told.id)) return 'its id is none'
  if (told.session !== session.id) return 'it tells of another session'
  switch (told.kind) {
    case 'session.opened':
      return isSame(told, session) ? '' : 'it tells of the session what the server did not give'
    case 'session.closed':
      return ''
    case 'statement.started':
      return doubtStarted(told, session, known)
    case 'statement.finished':
      return known.running.has(told.id) ? '' : 'it finishes a statement that is not running'
    default:
      return told satisfies never
  }
}

function doubtStarted(told: StatementStarted, session: StoredSession, known: Known): string {
  const { principal, connection, reason, ticket } = session.document
  const { kind, sub, email } = told.actor
  if (kind !== principal.kind || sub !== principal.sub || email !== principal.email) return 'it names another person'
  if (told.connection !== connection.name) return 'it names another connection'
  if (told.reason !== reason || told.ticket !== ticket) return 'it gives another reason or ticket'
  if (!known.digests.has(told.policyDigest)) return 'it names a policy that was not in force'
  if (told.verdict === 'approved' && !known.spent.has(told.request)) return 'it names an approval that was not spent'
  return known.taken.has(told.id) ? 'its id is taken' : ''
}

/** Whether an opening says exactly what the server has granted and was told. */
function isSame(told: SessionOpened, session: StoredSession): boolean {
  const { principal, connection, role, reason, ticket } = session.document
  const { kind, sub, email, groups } = principal
  const { environment, database, placement } = connection
  const expected: SessionOpened = {
    ...{ kind: told.kind, v: told.v, id: told.id, session: told.session, atMs: told.atMs },
    actor: { kind, sub, email },
    groups,
    connection: connection.name,
    ...{ environment, database, role, placement, reason, ticket },
    ...{ host: session.host, osUser: session.os_user, program: session.program },
  }
  return isDeepStrictEqual(told, expected)
}

async function ask(db: Transaction<Tables>, session: StoredSession, entries: readonly Entry[]): Promise<Known> {
  const started = entries.filter((told) => told.kind === 'statement.started')
  const finished = entries.filter((told) => told.kind === 'statement.finished')
  const records = await recordsOf(
    db,
    [...started, ...finished].map(({ id }) => id),
  )
  const running = records.filter(({ stream, finished: end }) => stream === session.stream && end === null)
  return {
    digests: await digestsOf(db, session, started),
    spent: await spentOf(db, session, started),
    taken: new Set(records.map(({ id }) => id)),
    running: new Set(running.map(({ id }) => id)),
  }
}

async function recordsOf(
  db: Transaction<Tables>,
  ids: readonly string[],
): Promise<readonly Pick<Tables['records'], 'id' | 'stream' | 'finished'>[]> {
  if (ids.length === 0) return []
  return db
    .selectFrom('records')
    .select(['id', 'stream', 'finished'])
    .where('id', 'in', [...new Set(ids)])
    .execute()
}

async function digestsOf(
  db: Transaction<Tables>,
  { document }: StoredSession,
  started: readonly StatementStarted[],
): Promise<ReadonlySet<string>> {
  // The guard refuses some statements by itself, under no policy at all.
  const known = new Set(['', document.policyDigest])
  const asked = [...new Set(started.map(({ policyDigest }) => policyDigest))].filter((digest) => !known.has(digest))
  if (asked.length === 0) return known
  const later = await db
    .selectFrom('policies')
    .select('digest')
    .where('version', '>=', document.policyVersion)
    .where('digest', 'in', asked)
    .execute()
  return new Set([...known, ...later.map(({ digest }) => digest)])
}

async function spentOf(
  db: Transaction<Tables>,
  { id }: StoredSession,
  started: readonly StatementStarted[],
): Promise<ReadonlySet<string>> {
  const asked = [...new Set(started.flatMap(({ verdict, request }) => (verdict === 'approved' ? [request] : [])))]
  if (asked.length === 0) return new Set()
  const rows = await db
    .selectFrom('approvals')
    .select('id')
    .where('session', '=', id)
    .where('state', '=', 'spent')
    .where('id', 'in', asked.map(withoutNul))
    .execute()
  return new Set(rows.map((row) => row.id))
}

/** No id holds one, and PostgreSQL refuses to be asked for it. */
function withoutNul(text: string): string {
  return text.replaceAll('\0', '')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Not JSON, hence not an entry: the caller says so.
    return undefined
  }
}
