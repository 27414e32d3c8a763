import type { PolicyVersion } from '../../api/policy.ts'
import { AppError } from '../../base/app-error.ts'
import type { Clock } from '../../base/ports.ts'
import { type CompiledPolicy, compilePolicy, policyDigest } from '../../policy/compile.ts'
import type { ServerKeys } from '../keys/server-keys.ts'
import type { Store } from '../store/open-store.ts'
import type { Tables } from '../store/tables.ts'

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

  /** Version number of what is in force; its files are read only when it is not the one at hand. */
  const newest = async (): Promise<number> => {
    const row = await store.db
      .selectFrom('policies')
      .select('version')
      .orderBy('version', 'desc')
      .limit(1)
      .executeTakeFirst()
    return row?.version ?? 0
  }
  const current = async (): Promise<PublishedPolicy> => {
    const number = await newest()
    if (cached?.version.version === number) return cached
    cached = await read(store, number)
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
      const version = (await newest()) + 1
      const compiled = compilePolicy(files, version)
      const row = {
        version,
        digest: policyDigest(files),
        files: JSON.stringify(files),
        published_at_ms: clock.nowMs(),
        published_by: by,
      }
      const inserted = await store.db
        .insertInto('policies')
        .values(row)
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst()
      if (!inserted.numInsertedOrUpdatedRows) {
        throw new AppError('USAGE', 'Cannot publish the policy: somebody else has published at the same moment', {
          hint: 'hoop policy pull shows what is in force now; push again if yours is still wanted',
          ran: 'nothing',
        })
      }
      return { version: versionOf(row), files, compiled }
    },
  }
}

async function read({ db }: Store, number: number): Promise<PublishedPolicy> {
  if (number === 0) {
    const version = { version: 0, digest: policyDigest({}), publishedAtMs: 0, publishedBy: 'hoop' }
    return { version, files: {}, compiled: compilePolicy({}, 0) }
  }
  const row = await db.selectFrom('policies').selectAll().where('version', '=', number).executeTakeFirstOrThrow()
  const files = JSON.parse(row.files) as Record<string, string>
  return { version: versionOf(row), files, compiled: compilePolicy(files, number) }
}

function versionOf(row: Omit<Tables['policies'], 'files'>): PolicyVersion {
  const { version, digest, published_at_ms: publishedAtMs, published_by: publishedBy } = row
  return { version, digest, publishedAtMs, publishedBy }
}
