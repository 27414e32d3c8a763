import { createHash } from 'node:crypto'
import type { Adapter, AdapterPayload } from 'oidc-provider'
import type { Clock } from '../../base/ports.ts'
import type { Store } from '../store/open-store.ts'

/** Keeps what oidc-provider must remember. Ids are tokens people hold, so only their hashes are stored. */
export class OidcAdapter implements Adapter {
  readonly #kind: string
  readonly #store: Store
  readonly #clock: Clock

  constructor(kind: string, store: Store, clock: Clock) {
    this.#kind = kind
    this.#store = store
    this.#clock = clock
  }

  async upsert(id: string, payload: AdapterPayload, expiresInS: number): Promise<void> {
    const row = {
      payload: JSON.stringify(payload),
      grant_id: payload.grantId ?? null,
      uid: payload.uid ?? null,
      expires_at_ms: expiresInS ? this.#clock.nowMs() + expiresInS * 1_000 : null,
    }
    await this.#store.db
      .insertInto('oidc')
      .values({ kind: this.#kind, id: hashed(id), consumed_at_ms: null, ...row })
      .onConflict((conflict) => conflict.columns(['kind', 'id']).doUpdateSet(row))
      .execute()
  }

  find(id: string): Promise<AdapterPayload | undefined> {
    return this.#read('id', hashed(id))
  }

  findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return this.#read('uid', uid)
  }

  async findByUserCode(): Promise<undefined> {
    return undefined
  }

  async consume(id: string): Promise<void> {
    await this.#store.db
      .updateTable('oidc')
      .set({ consumed_at_ms: this.#clock.nowMs() })
      .where('kind', '=', this.#kind)
      .where('id', '=', hashed(id))
      .execute()
  }

  async destroy(id: string): Promise<void> {
    await this.#store.db.deleteFrom('oidc').where('kind', '=', this.#kind).where('id', '=', hashed(id)).execute()
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    await this.#store.db.deleteFrom('oidc').where('grant_id', '=', grantId).execute()
  }

  async #read(column: 'id' | 'uid', value: string): Promise<AdapterPayload | undefined> {
    const row = await this.#store.db
      .selectFrom('oidc')
      .select(['payload', 'expires_at_ms', 'consumed_at_ms'])
      .where('kind', '=', this.#kind)
      .where(column, '=', value)
      .executeTakeFirst()
    if (!row || (row.expires_at_ms !== null && row.expires_at_ms <= this.#clock.nowMs())) return undefined
    const payload = JSON.parse(row.payload) as AdapterPayload
    return row.consumed_at_ms === null ? payload : { ...payload, consumed: Math.floor(row.consumed_at_ms / 1_000) }
  }
}

function hashed(id: string): string {
  return createHash('sha256').update(id).digest('hex')
}
