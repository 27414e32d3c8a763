import { createHash } from 'node:crypto'
import type { SessionDocument } from '../../api/session.ts'
import type { Clock } from '../../base/ports.ts'
import type { Store } from '../store/open-store.ts'
import type { Tables } from '../store/tables.ts'

/** A session as the server knows it: what it says of the person is what counts, whatever its proxy says. */
export interface StoredSession extends Omit<Tables['sessions'], 'document'> {
  readonly document: SessionDocument
}

export interface SessionStore {
  find(id: string): Promise<StoredSession | undefined>
  findByKey(uploadKey: string): Promise<StoredSession | undefined>
  list(filter: { readonly sub?: string; readonly state?: 'live' | 'ended' }): Promise<readonly StoredSession[]>
  /** Live sessions whose time is over, or whose proxy has said nothing for as long as its connection allows. */
  overdue(abandonedAfterS: number): Promise<readonly Overdue[]>
  /** Adds a session, with the note of the role it is to have. */
  open(session: StoredSession, lease: Tables['leases'] | null): Promise<void>
  /** Forgets a session that nobody has been told of. */
  discard(id: string): Promise<void>
  /** Notes a sign of life. */
  seen(id: string): Promise<void>
  /** Ends a live session, and takes back what it has asked for; false when it had ended already. */
  end(id: string, why: string): Promise<boolean>
}

export interface Overdue {
  readonly session: StoredSession
  readonly why: string
}

/** Hash under which an upload key is stored. */
export function keyHash(uploadKey: string): string {
  return createHash('sha256').update(uploadKey).digest('hex')
}

/** Why a live session is over all the same, by now; empty while it is not. */
export function overdueWhy(session: StoredSession, nowMs: number, abandonedAfterS: number): string {
  const silentForS = Math.max(abandonedAfterS, session.document.connection.offlineForS)
  if (session.ends_at_ms <= nowMs) return 'its time is over'
  return session.seen_at_ms + silentForS * 1_000 <= nowMs ? 'its proxy fell silent' : ''
}

export function createSessionStore(store: Store, clock: Clock): SessionStore {
  const { db } = store
  return {
    async find(id) {
      return read(await db.selectFrom('sessions').selectAll().where('id', '=', id).executeTakeFirst())
    },
    async findByKey(uploadKey) {
      const hash = keyHash(uploadKey)
      return read(await db.selectFrom('sessions').selectAll().where('upload_key_hash', '=', hash).executeTakeFirst())
    },
    async list({ sub, state }) {
      let query = db.selectFrom('sessions').selectAll().orderBy('opened_at_ms', 'desc').limit(500)
      if (sub !== undefined) query = query.where('sub', '=', sub)
      if (state !== undefined) query = query.where('state', '=', state)
      return (await query.execute()).flatMap((row) => read(row) ?? [])
    },
    async overdue(abandonedAfterS) {
      const nowMs = clock.nowMs()
      const rows = await db
        .selectFrom('sessions')
        .selectAll()
        .where('state', '=', 'live')
        .where(({ or, eb }) =>
          or([eb('ends_at_ms', '<=', nowMs), eb('seen_at_ms', '<=', nowMs - abandonedAfterS * 1_000)]),
        )
        .execute()
      return rows
        .flatMap((row) => read(row) ?? [])
        .map((session) => ({ session, why: overdueWhy(session, nowMs, abandonedAfterS) }))
        .filter(({ why }) => why !== '')
    },
    open: (session, lease) => open(store, session, lease),
    async discard(id) {
      await db.deleteFrom('sessions').where('id', '=', id).execute()
    },
    async seen(id) {
      await db.updateTable('sessions').set({ seen_at_ms: clock.nowMs() }).where('id', '=', id).execute()
    },
    end: (id, why) => end(store, id, why),
  }
}

function read(row: Tables['sessions'] | undefined): StoredSession | undefined {
  return row && { ...row, document: JSON.parse(row.document) as SessionDocument }
}

function open({ db }: Store, session: StoredSession, lease: Tables['leases'] | null): Promise<void> {
  return db.transaction().execute(async (transaction) => {
    await transaction
      .insertInto('sessions')
      .values({ ...session, document: JSON.stringify(session.document) })
      .execute()
    if (lease) await transaction.insertInto('leases').values(lease).execute()
  })
}

function end({ db }: Store, id: string, why: string): Promise<boolean> {
  return db.transaction().execute(async (transaction) => {
    const ended = await transaction
      .updateTable('sessions')
      .set({ state: 'ended', why })
      .where('id', '=', id)
      .where('state', '=', 'live')
      .executeTakeFirst()
    if (ended.numUpdatedRows === 0n) return false
    await transaction
      .updateTable('approvals')
      .set({ state: 'withdrawn' })
      .where('session', '=', id)
      .where('state', 'in', ['pending', 'approved'])
      .execute()
    return true
  })
}
