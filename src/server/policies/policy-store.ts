import type { PolicyVersion } from '../../api/policy.ts'
import type { Clock } from '../../base/ports.ts'
import { type CompiledPolicy, compilePolicy, policyDigest } from '../../policy/compile.ts'
import type { ServerKeys } from '../keys/server-keys.ts'
import type { Store } from '../store/open-store.ts'

/** A published folder. Version 0 is the empty one of a fresh server: the base policy alone, under which nobody connects. */
export interface PublishedPolicy {
  readonly version: PolicyVersion
  readonly files: Readonly<Record<string, string>>
  readonly compiled: CompiledPolicy
}

export interface PolicyStore {
  current(): Promise<PublishedPolicy>
  /** The current policy, signed for the proxies. */
  bundle(): Promise<string>
  publish(files: Readonly<Record<string, string>>, by: string): Promise<PublishedPolicy>
}

export function createPolicyStore(world: {
  readonly store: Store
  readonly keys: ServerKeys
  readonly clock: Clock
  readonly tenant: string
}): PolicyStore {
  const { store, keys, clock, tenant } = world
  let cached: PublishedPolicy | undefined
  let signed: { readonly digest: string; readonly version: number; readonly jws: string } | undefined

  const current = async (): Promise<PublishedPolicy> => {
    const newest = await store.db
      .selectFrom('policies')
      .selectAll()
      .orderBy('version', 'desc')
      .limit(1)
      .executeTakeFirst()
    if (cached && cached.version.version === (newest?.version ?? 0)) return cached
    const files = newest ? (JSON.parse(newest.files) as Record<string, string>) : {}
    const version = {
      version: newest?.version ?? 0,
      digest: newest?.digest ?? policyDigest({}),
      publishedAtMs: newest?.published_at_ms ?? 0,
      publishedBy: newest?.published_by ?? 'hoop',
    }
    cached = { version, files, compiled: compilePolicy(files, version.version) }
    return cached
  }

  return {
    current,
    async bundle() {
      const { version, files } = await current()
      if (signed?.version === version.version) return signed.jws
      const payload = {
        v: 1,
        tenant,
        version: version.version,
        issuedAtMs: clock.nowMs(),
        digest: version.digest,
        files,
      }
      signed = { ...version, jws: await keys.sign(payload, 'hoop-bundle') }
      return signed.jws
    },
    async publish(files, by) {
      // Compiled before anything is written: a folder with a mistake changes nothing.
      compilePolicy(files)
      const { version } = await current()
      const row = {
        digest: policyDigest(files),
        files: JSON.stringify(files),
        published_at_ms: clock.nowMs(),
        published_by: by,
      }
      // Of two publications at once one fails on the key, and is told so.
      await store.db
        .insertInto('policies')
        .values({ version: version.version + 1, ...row })
        .execute()
      return current()
    },
  }
}
