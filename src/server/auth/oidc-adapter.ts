import { createHash } from 'node:crypto'
import type { Adapter, AdapterPayload } from 'oidc-provider'
import type { Clock } from '../../base/ports.ts'
import type { Seal } from '../keys/seal.ts'
import type { Store } from '../store/open-store.ts'

/** What an adapter works with. */
export interface OidcAdapterPorts {
  readonly store: Store
  readonly seal: Seal
  readonly clock: Clock
  /** The error that tells a client that its code or token is worth nothing. */
  readonly alreadyUsed: () => Error
}

/**
 * Keeps what oidc-provider must remember. Ids are tokens people hold: only their hashes are stored, and what they stand for,
 * which names them again, is sealed.
 */
export class OidcAdapter implements Adapter {
  readonly #kind: string
  readonly #ports: OidcAdapterPorts

  constructor(kind: string, ports: OidcAdapterPorts) {
    this.#kind = kind
    this.#ports = ports
  }

  async upsert(id: string, payload: AdapterPayload, expiresInS: number): Promise<void> {
    const { store, seal, clock } = this.#ports
    // Anybody can begin a sign-in and leave it: what such ones have left goes when the next one begins.
    if (this.#kind === 'Interaction') await this.#removeExpired()
    const row = {
      payload: seal.close(this.#label(hashed(id)), JSON.stringify(payload)),
      grant_id: payload.grantId ?? null,
      uid: payload.uid === undefined ? null : hashed(payload.uid),
      expires_at_ms: expiresInS ? clock.nowMs() + expiresInS * 1_000 : null,
    }
    await store.db
      .insertInto('oidc')
      .values({ kind: this.#kind, id: hashed(id), consumed_at_ms: null, ...row })
      .onConflict((conflict) => conflict.columns(['kind', 'id']).doUpdateSet(row))
      .execute()
  }

  find(id: string): Promise<AdapterPayload | undefined> {
    return this.#read('id', hashed(id))
  }

  findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return this.#read('uid', hashed(uid))
  }

  async findByUserCode(): Promise<undefined> {
    return undefined
  }

  /**
   * Marks a code or token as used. oidc-provider looks first and marks later; of two requests in between, the second is
   * told here, and as for any other second use all that came of the grant goes.
   */
  async consume(id: string): Promise<void> {
    const { db } = this.#ports.store
    const consumed = await db
      .updateTable('oidc')
      .set({ consumed_at_ms: this.#ports.clock.nowMs() })
      .where('kind', '=', this.#kind)
      .where('id', '=', hashed(id))
      .where('consumed_at_ms', 'is', null)
      .executeTakeFirst()
    if (consumed.numUpdatedRows > 0n) return
    const { grantId } = (await this.find(id)) ?? {}
    if (grantId !== undefined) {
      await this.revokeByGrantId(grantId)
      await new OidcAdapter('Grant', this.#ports).destroy(grantId)
    }
    throw this.#ports.alreadyUsed()
  }

  async destroy(id: string): Promise<void> {
    const { db } = this.#ports.store
    await db.deleteFrom('oidc').where('kind', '=', this.#kind).where('id', '=', hashed(id)).execute()
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    await this.#ports.store.db.deleteFrom('oidc').where('grant_id', '=', grantId).execute()
  }

  async #removeExpired(): Promise<void> {
    const { store, clock } = this.#ports
    await store.db.deleteFrom('oidc').where('expires_at_ms', '<=', clock.nowMs()).execute()
  }

  async #read(column: 'id' | 'uid', value: string): Promise<AdapterPayload | undefined> {
    const { store, seal, clock } = this.#ports
    const row = await store.db
      .selectFrom('oidc')
      .select(['id', 'payload', 'expires_at_ms', 'consumed_at_ms'])
      .where('kind', '=', this.#kind)
      .where(column, '=', value)
      .executeTakeFirst()
    if (!row || (row.expires_at_ms !== null && row.expires_at_ms <= clock.nowMs())) return undefined
    const payload = JSON.parse(seal.open(this.#label(row.id), row.payload)) as AdapterPayload
    return row.consumed_at_ms === null ? payload : { ...payload, consumed: Math.floor(row.consumed_at_ms / 1_000) }
  }

  #label(id: string): string {
    return `oidc:${this.#kind}:${id}`
  }
}

function hashed(id: string): string {
  return createHash('sha256').update(id).digest('hex')
}
