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
  open(session: StoredSession): Promise<void>
  /** Notes a sign of life. */
  seen(id: string): Promise<void>
  /** Ends a live session; false when it had ended already. */
  end(id: string, why: string): Promise<boolean>
  /** Its role is gone from the database. */
  leaseDropped(id: string): Promise<void>
}

/** Hash under which an upload key is stored. */
export function keyHash(uploadKey: string): string {
  return createHash('sha256').update(uploadKey).digest('hex')
}

export function createSessionStore({ db }: Store, clock: Clock): SessionStore {
  const read = (row: Tables['sessions'] | undefined): StoredSession | undefined =>
    row && { ...row, document: JSON.parse(row.document) as SessionDocument }
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
    async open(session) {
      await db
        .insertInto('sessions')
        .values({ ...session, document: JSON.stringify(session.document) })
        .execute()
    },
    async seen(id) {
      await db.updateTable('sessions').set({ seen_at_ms: clock.nowMs() }).where('id', '=', id).execute()
    },
    async end(id, why) {
      const ended = await db
        .updateTable('sessions')
        .set({ state: 'ended', why })
        .where('id', '=', id)
        .where('state', '=', 'live')
        .executeTakeFirst()
      return ended.numUpdatedRows > 0n
    },
    async leaseDropped(id) {
      await db.updateTable('sessions').set({ lease_role: '' }).where('id', '=', id).execute()
    },
  }
}
