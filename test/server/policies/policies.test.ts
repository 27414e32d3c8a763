import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ApiClient } from '../../../src/api/client.ts'
import { getPolicy, pushPolicy } from '../../../src/api/policy.ts'
import { getDiscovery } from '../../../src/api/server.ts'
import { systemClock } from '../../../src/identity/system-clock.ts'
import { bundle } from '../../../src/policy/bundle.ts'
import { verifySigned } from '../../../src/policy/signed-document.ts'
import { createPolicyStore } from '../../../src/server/policies/policy-store.ts'
import { startTestServer, storeKinds, type TestServer } from '../support/test-server.ts'

function filesNamed(id: string): Record<string, string> {
  return { 'prod.cedar': `@id("${id}") permit (principal in Group::"oncall", action == Action::"connect", resource);` }
}

describe.each(storeKinds)('policies, with a store in %s', (kind) => {
  let server: TestServer
  let root: ApiClient
  let ana: ApiClient

  beforeAll(async () => {
    server = await startTestServer(kind)
    ;[root, ana] = [await server.as('root'), await server.as('ana')]
  })

  afterAll(() => server?.stop())

  test('a fresh server has no files, as version 0', async () => {
    expect(await root.call(getPolicy)).toMatchObject({ version: { version: 0 }, files: {} })
  })

  test('each publication is the next version, by whom and with a digest of what it says', async () => {
    const first = await root.call(pushPolicy, { body: { files: filesNamed('a') } })
    const second = await root.call(pushPolicy, { body: { files: filesNamed('b') } })
    const again = await root.call(pushPolicy, { body: { files: filesNamed('a') } })

    expect([first.version, second.version, again.version]).toEqual([1, 2, 3])
    expect(again).toMatchObject({ digest: first.digest, publishedBy: 'root@example.com' })
    expect(second.digest).not.toBe(first.digest)
    expect(await root.call(getPolicy)).toEqual({ version: again, files: filesNamed('a') })
  })

  test('only policy authors publish, and not everybody reads', async () => {
    await expect(ana.call(pushPolicy, { body: { files: {} } })).rejects.toMatchObject({ code: 'ACTION_NOT_GRANTED' })
    await expect(ana.call(getPolicy)).rejects.toMatchObject({ code: 'ACTION_NOT_GRANTED' })
    await expect((await server.as('eve')).call(getPolicy)).resolves.toHaveProperty('version')
  })

  test.each<[string, Record<string, string>]>([
    ['that is not Cedar', { 'prod.cedar': 'allow everybody' }],
    ['with a misspelt action', { 'prod.cedar': '@id("x") permit (principal, action == Action::"conect", resource);' }],
    ['whose rule has no name', { 'prod.cedar': 'permit (principal, action, resource);' }],
    ['with a file that has no place', { ...filesNamed('a'), 'notes.txt': 'x' }],
    ['whose file climbs out', { '../prod.cedar': '' }],
    ['with half a character', { 'prod.cedar': '// \ud800' }],
  ])('a folder %s changes nothing', async (_what, files) => {
    const before = await root.call(getPolicy)

    await expect(root.call(pushPolicy, { body: { files } })).rejects.toMatchObject({ code: 'POLICY_INVALID' })
    expect(await root.call(getPolicy)).toEqual(before)
  })

  test('of many who publish at once each gets a version of its own or is told that it came second', async () => {
    const { version: before } = (await root.call(getPolicy)).version
    const results = await Promise.allSettled(
      Array.from({ length: 6 }, (_none, at) => root.call(pushPolicy, { body: { files: filesNamed(`n${at}`) } })),
    )
    const versions = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.version] : []))
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []))

    expect([...versions].sort((a, b) => a - b)).toEqual(versions.map((_version, at) => before + 1 + at))
    expect(refused).toEqual(refused.map(() => 'USAGE'))
    expect(versions.length).toBeGreaterThan(0)
  })

  test('the bundle is signed with the key that discovery names, and says what is in force', async () => {
    const version = await root.call(pushPolicy, { body: { files: filesNamed('signed') } })
    const { signingKey, tenant } = await root.call(getDiscovery)
    const jws = await server.inStore((store, keys) =>
      createPolicyStore({ store, keys, clock: systemClock, tenant: 'acme' }).bundle(),
    )

    expect(await verifySigned(jws, signingKey, { kind: 'hoop-bundle', schema: bundle })).toMatchObject({
      tenant,
      version: version.version,
      digest: version.digest,
      files: filesNamed('signed'),
    })
  })

  test('what another server on the same store publishes is in force here with the next question', async () => {
    const files = filesNamed('from-elsewhere')
    await server.inStore((store, keys) =>
      createPolicyStore({ store, keys, clock: systemClock, tenant: 'acme' }).publish(files, 'other@example.com'),
    )

    expect((await root.call(getPolicy)).files).toEqual(files)
  })

  test('a stored policy that can no longer be read is in force for nobody, and can be replaced', async () => {
    const { version } = (await root.call(getPolicy)).version
    await server.inStore(({ db }) =>
      db
        .insertInto('policies')
        .values({
          version: version + 1,
          digest: 'x',
          files: '{"prod.cedar":"of another time"}',
          published_at_ms: 0,
          published_by: '',
        })
        .execute(),
    )

    await expect(root.call(getPolicy)).rejects.toMatchObject({ code: 'POLICY_INVALID' })
    await expect(root.call(pushPolicy, { body: { files: {} } })).resolves.toMatchObject({ version: version + 2 })
  })

  test('policies outlive a restart', async () => {
    const before = await root.call(getPolicy)
    await server.restart()

    expect(await (await server.as('root')).call(getPolicy)).toEqual(before)
  })
})
