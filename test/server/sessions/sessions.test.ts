import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { uploadBatch } from '../../../src/api/audit.ts'
import { type ApiClient, createApiClient } from '../../../src/api/client.ts'
import { getDiscovery } from '../../../src/api/server.ts'
import {
  closeSession,
  getSessionBundle,
  heartbeatSession,
  listSessions,
  openSession,
  sessionDocument,
  stopSession,
} from '../../../src/api/session.ts'
import { genesis, nextLink } from '../../../src/audit/chain.ts'
import { httpSend } from '../../../src/identity/http-send.ts'
import { openBundle } from '../../../src/policy/bundle.ts'
import { verifySigned } from '../../../src/policy/signed-document.ts'
import { eventually } from '../../support/shop.ts'
import { claimed, lasting, oncallConnects, open, publish, put, staticConnection } from '../support/sessions.ts'
import { people, startTestServer, storeKinds, type TestServer } from '../support/test-server.ts'

describe.each(storeKinds)('sessions, with a store in %s', (kind) => {
  let server: TestServer
  let ana: ApiClient
  let root: ApiClient
  let eve: ApiClient

  beforeAll(async () => {
    server = await startTestServer(kind)
    ;[ana, root, eve] = [await lasting(server, 'ana'), await lasting(server, 'root'), await lasting(server, 'eve')]
    await put(root, staticConnection('prod-db'))
    await put(root, staticConnection('relayed-db', { placement: 'relay' }))
    await publish(root, oncallConnects)
  })

  afterAll(() => server?.stop())

  test('an opened session is told in a document and a bundle that the pinned key verifies', async () => {
    const { reply, id } = await open(server, ana, { forS: 90 })
    const { signingKey } = await root.call(getDiscovery)
    const document = await verifySigned(reply.document, signingKey, { kind: 'hoop-session', schema: sessionDocument })
    const policy = await openBundle(reply.bundle, signingKey, { tenant: 'acme', atLeastVersion: 1 })

    expect(document).toMatchObject({
      session: id,
      principal: { kind: 'user', sub: 'ana', email: 'ana@example.com', groups: ['oncall'] },
      connection: { name: 'prod-db', environment: 'prod', database: 'shop' },
      role: 'reader',
      reason: 'incident 42',
      ticket: 'OPS-1',
    })
    expect(document.endsAtMs - document.issuedAtMs).toBe(90_000)
    expect(policy.digest).toBe(document.policyDigest)
    expect(reply.lease).toMatchObject({ user: 'reader', password: 'fixed-secret', host: 'db.example' })
  })

  test('nobody gets more time than the connection gives', async () => {
    const { document } = await open(server, ana, { forS: 86_400 })

    expect(document.endsAtMs - document.issuedAtMs).toBe(3_600_000)
  })

  test('a connection one may not use and one that does not exist are refused in the same words', async () => {
    const refusals = await Promise.all(
      ['prod-db', 'nothing'].map((connection) =>
        eve.call(openSession, { body: { ...claimed, connection } }).catch((error: { message: string }) => error),
      ),
    )

    expect(refusals).toMatchObject([{ code: 'CONNECTION_NOT_GRANTED' }, { code: 'CONNECTION_NOT_GRANTED' }])
    expect(refusals.map((each) => 'message' in each && each.message.replace(/"[^"]*"/, ''))).toEqual([
      'Cannot connect to : there is no such connection for you',
      'Cannot connect to : there is no such connection for you',
    ])
  })

  test('a connection that demands a relay is not served locally', async () => {
    await expect(open(server, ana, { connection: 'relayed-db' })).rejects.toMatchObject({
      code: 'CONNECTION_NOT_GRANTED',
      message: expect.stringContaining('relay'),
    })
  })

  test('a rule may demand a reason: it counts at opening and for as long as the session stands', async () => {
    await publish(
      root,
      oncallConnects,
      '@id("reasoned") forbid (principal, action == Action::"connect", resource) when { context.reason == "" };',
    )

    await expect(open(server, ana, { reason: '' })).rejects.toMatchObject({ code: 'CONNECTION_NOT_GRANTED' })
    const { proxy, id } = await open(server, ana)
    expect(await proxy.call(heartbeatSession, { params: { id } })).toMatchObject({ state: 'live' })
    await publish(root, oncallConnects)
  })

  test('a text that PostgreSQL could not keep is refused on either store', async () => {
    await expect(open(server, ana, { reason: 'a\0b' })).rejects.toMatchObject({ code: 'USAGE' })
    await expect(open(server, ana, { osUser: '\0' })).rejects.toMatchObject({ code: 'USAGE' })
    await expect(ana.call(stopSession, { params: { id: 'a\0b' }, body: { reason: '' } })).rejects.toMatchObject({
      code: 'USAGE',
    })
    await expect(open(server, ana, { reason: '\ud800' })).rejects.toMatchObject({ code: 'USAGE' })
    expect((await open(server, ana, { reason: 'ünï 🐘 \\ "' })).document.reason).toBe('ünï 🐘 \\ "')
  })

  test('the stream key is stored as a hash only, and works for its own session only', async () => {
    const [one, other] = [await open(server, ana), await open(server, ana)]
    const rows = await server.inStore((store) => store.db.selectFrom('sessions').selectAll().execute())

    expect(JSON.stringify(rows)).not.toContain(one.reply.uploadKey)
    expect(Buffer.from(one.reply.uploadKey, 'base64url')).toHaveLength(32)
    await expect(one.proxy.call(heartbeatSession, { params: { id: other.id } })).rejects.toMatchObject({
      code: 'ACTION_NOT_GRANTED',
    })
    await expect(one.proxy.call(closeSession, { params: { id: other.id } })).rejects.toMatchObject({
      code: 'ACTION_NOT_GRANTED',
    })
    const guessed = createApiClient(server.url, httpSend, async () => `Stream ${'A'.repeat(43)}`)
    await expect(guessed.call(heartbeatSession, { params: { id: one.id } })).rejects.toMatchObject({
      code: 'LOGIN_REQUIRED',
    })
  })

  test('a heartbeat names the newest policy, and the bundle of it is there', async () => {
    const { proxy, id } = await open(server, ana)
    await publish(root, oncallConnects, '// newer')
    const { policyDigest } = await proxy.call(heartbeatSession, { params: { id } })
    const { bundle } = await proxy.call(getSessionBundle, { params: { id } })
    const { signingKey } = await root.call(getDiscovery)

    expect((await openBundle(bundle, signingKey, { tenant: 'acme', atLeastVersion: 1 })).digest).toBe(policyDigest)
  })

  test('people see their own sessions, admins all', async () => {
    const { id } = await open(server, ana)
    const [own, all, others] = await Promise.all(
      [ana, root, eve].map(async (api) => (await api.call(listSessions, { query: { state: 'live' } })).sessions),
    )

    expect(own?.map((session) => session.id)).toContain(id)
    expect(all?.find((session) => session.id === id)).toMatchObject({ email: 'ana@example.com', program: 'connect' })
    expect(others).toEqual([])
  })

  test('a session is stopped by its owner or an admin, and its heartbeat says by whom and why', async () => {
    const { id, proxy } = await open(server, ana)

    await expect(eve.call(stopSession, { params: { id }, body: { reason: '' } })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    await root.call(stopSession, { params: { id }, body: { reason: 'maintenance' } })
    await root.call(stopSession, { params: { id }, body: { reason: 'again' } })
    expect(await proxy.call(heartbeatSession, { params: { id } })).toMatchObject({
      state: 'ended',
      why: 'root@example.com stopped it: maintenance',
    })
    await expect(proxy.call(getSessionBundle, { params: { id } })).rejects.toMatchObject({ code: 'STATEMENT_STOPPED' })
  })

  test('what a closed session still has to tell is taken', async () => {
    const { id, stream, proxy } = await open(server, ana)
    await proxy.call(closeSession, { params: { id } })
    const link = nextLink(stream, null, '{}')

    expect(await proxy.call(uploadBatch, { params: { stream }, body: { links: [link] } })).toEqual({
      seq: 1,
      hash: link.hash,
    })
    expect(link.prev).toBe(genesis)
  })

  test('a session ends with its time, before any sweep has come by', async () => {
    const { id, proxy } = await open(server, ana, { forS: 5 })
    server.passMs(5_001)

    expect(await proxy.call(heartbeatSession, { params: { id } })).toMatchObject({
      state: 'ended',
      why: 'its time is over',
    })
  })

  test('a session whose proxy fell silent ends by itself; one that beats goes on', async () => {
    const [silent, beating] = [await open(server, ana), await open(server, ana)]
    server.passMs(100_000)
    await beating.proxy.call(heartbeatSession, { params: { id: beating.id } })
    server.passMs(21_000)

    const stateOf = async (id: string): Promise<string | undefined> =>
      (await ana.call(listSessions)).sessions.find((session) => session.id === id)?.state
    await eventually(async () => (await stateOf(silent.id)) === 'ended', 15_000)
    expect(await stateOf(beating.id)).toBe('live')
    expect(await silent.proxy.call(heartbeatSession, { params: { id: silent.id } })).toMatchObject({
      state: 'ended',
      why: 'its proxy fell silent',
    })
  })

  test('silence is borne for as long as the connection may be offline', async () => {
    await put(root, staticConnection('patient-db', { offlineForS: 900 }))
    const { id, proxy } = await open(server, ana, { connection: 'patient-db' })
    server.passMs(899_000)

    expect(await proxy.call(heartbeatSession, { params: { id } })).toMatchObject({ state: 'live' })
  })

  test('a policy that no longer lets one connect ends the session', async () => {
    const { id, proxy } = await open(server, ana)
    await publish(root)

    expect(await proxy.call(heartbeatSession, { params: { id } })).toMatchObject({
      state: 'ended',
      why: 'you may no longer use this connection',
    })
    await publish(root, oncallConnects)
    expect(await proxy.call(heartbeatSession, { params: { id } })).toMatchObject({ state: 'ended' })
  })

  test('a connection that is pointed elsewhere ends the sessions on it', async () => {
    await put(root, staticConnection('moving-db'))
    const { id, proxy } = await open(server, ana, { connection: 'moving-db' })
    await put(root, staticConnection('moving-db', { credentials: { kind: 'static', user: 'reader', password: 'new' } }))
    expect(await proxy.call(heartbeatSession, { params: { id } })).toMatchObject({ state: 'live' })
    await put(root, staticConnection('moving-db', { environment: 'staging' }))

    expect(await proxy.call(heartbeatSession, { params: { id } })).toMatchObject({
      state: 'ended',
      why: 'the connection was changed: connect again',
    })
  })

  test('a session outlives the restart of the server, and not its person', async () => {
    const { id, proxy } = await open(server, ana)
    await server.restart()
    expect(await proxy.call(heartbeatSession, { params: { id } })).toMatchObject({ state: 'live' })

    await server.restart({ identity: { people: people.filter(({ sub }) => sub !== 'ana') } })
    expect(await proxy.call(heartbeatSession, { params: { id } })).toMatchObject({
      state: 'ended',
      why: 'your account is no longer known',
    })
    await server.restart()
  })

  test('who is in other groups than before connects again, whatever they may still do', async () => {
    const { id, proxy } = await open(server, ana)
    const regrouped = people.map((one) => (one.sub === 'ana' ? { ...one, groups: ['oncall', 'contractors'] } : one))
    await server.restart({ identity: { people: regrouped } })

    expect(await proxy.call(heartbeatSession, { params: { id } })).toMatchObject({
      state: 'ended',
      why: 'your groups have changed: connect again',
    })
    await server.restart()
  })

  test('of many that open and end at once, none is lost or doubled', async () => {
    const opened = await Promise.all(Array.from({ length: 20 }, () => open(server, ana)))
    await Promise.all(opened.slice(0, 10).map(({ id, proxy }) => proxy.call(closeSession, { params: { id } })))
    const states = await Promise.all(opened.map(({ id, proxy }) => proxy.call(heartbeatSession, { params: { id } })))

    expect(new Set(opened.map(({ stream }) => stream)).size).toBe(20)
    expect(states.map(({ state }) => state)).toEqual([...Array(10).fill('ended'), ...Array(10).fill('live')])
  })
})
