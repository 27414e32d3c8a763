import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ApiClient } from '../../../src/api/client.ts'
import { type ConnectionInput, connectionInput, listConnections, putConnection } from '../../../src/api/connection.ts'
import { pushPolicy } from '../../../src/api/policy.ts'
import { startTestServer, storeKinds, type TestServer } from '../support/test-server.ts'

const password = 'hunter2-of-the-admin'

function input(name: string, different: Partial<ConnectionInput> = {}): ConnectionInput {
  return connectionInput.parse({
    name,
    engine: 'postgres',
    environment: 'prod',
    host: 'db.internal',
    port: 5432,
    database: 'shop',
    tls: { sslmode: 'verify-full' },
    credentials: { kind: 'lease', adminUser: 'hoop', adminPassword: password, template: 'work' },
    ...different,
  })
}

const oncallToProd = {
  'prod.cedar': `@id("oncall-connects") permit (principal in Group::"oncall", action == Action::"connect", resource == Connection::"prod-db");`,
}

describe.each(storeKinds)('connections, with a store in %s', (kind) => {
  let server: TestServer
  let ana: ApiClient
  let root: ApiClient

  beforeAll(async () => {
    server = await startTestServer(kind)
    ;[ana, root] = [await server.as('ana'), await server.as('root')]
    for (const name of ['prod-db', 'other-db']) await root.call(putConnection, { params: { name }, body: input(name) })
  })

  afterAll(() => server?.stop())

  test('a fresh server lets nobody connect: admins see what there is, others see nothing', async () => {
    const seenByAdmin = await root.call(listConnections)

    expect(seenByAdmin.connections.map(({ name, granted }) => [name, granted])).toEqual([
      ['other-db', false],
      ['prod-db', false],
    ])
    expect(await ana.call(listConnections)).toEqual({ connections: [] })
  })

  test('a rule shows its connection to those it names, and to nobody else', async () => {
    await root.call(pushPolicy, { body: { files: oncallToProd } })
    const eve = await server.as('eve')

    expect((await ana.call(listConnections)).connections.map(({ name }) => name)).toEqual(['prod-db'])
    expect(await eve.call(listConnections)).toEqual({ connections: [] })
  })

  test('only admins may say what a connection is', async () => {
    const asking = ana.call(putConnection, {
      params: { name: 'prod-db' },
      body: input('prod-db', { host: 'evil.example' }),
    })

    await expect(asking).rejects.toMatchObject({ code: 'ACTION_NOT_GRANTED' })
  })

  test('path and body must name the same one', async () => {
    const asking = root.call(putConnection, { params: { name: 'prod-db' }, body: input('third-db') })

    await expect(asking).rejects.toMatchObject({ code: 'USAGE' })
  })

  test('no answer holds the password, and the store holds it sealed', async () => {
    const put = await root.call(putConnection, { params: { name: 'prod-db' }, body: input('prod-db') })
    const rows = await server.inStore((store) => store.db.selectFrom('connections').selectAll().execute())

    expect(JSON.stringify([put, await root.call(listConnections), rows])).not.toContain(password)
    expect(server.log.lines.join('\n')).not.toContain(password)
  })

  test('whoever writes to the store cannot have the password sent elsewhere', async () => {
    await server.inStore(async ({ db }) => {
      const row = await db
        .selectFrom('connections')
        .selectAll()
        .where('name', '=', 'other-db')
        .executeTakeFirstOrThrow()
      const redirected = JSON.stringify({ ...JSON.parse(row.input), host: 'evil.example', tls: { sslmode: 'disable' } })
      await db.updateTable('connections').set({ input: redirected }).where('name', '=', 'other-db').execute()
    })

    await expect(root.call(listConnections)).rejects.toMatchObject({ code: 'UNEXPECTED' })
    await root.call(putConnection, { params: { name: 'other-db' }, body: input('other-db') })
    await expect(root.call(listConnections)).resolves.toHaveProperty('connections.length', 2)
  })

  test('connections outlive a restart', async () => {
    await server.restart()

    expect((await (await server.as('root')).call(listConnections)).connections).toHaveLength(2)
  })

  test.each(['Prod', '-a', 'a b', '', 'a'.repeat(64), '../x', 'ä'])('"%s" is no name', async (name) => {
    const body = { ...input('x'), name }

    await expect(root.call(putConnection, { params: { name }, body })).rejects.toMatchObject({
      code: expect.stringMatching(/^(USAGE|NOT_FOUND)$/),
    })
  })
})
