import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  followApproval,
  requestApproval,
  spendApproval,
  voteApproval,
  withdrawApproval,
} from '../../src/api/approval.ts'
import { getStreamHead, searchAudit, uploadBatch } from '../../src/api/audit.ts'
import { type ApiClient, createApiClient } from '../../src/api/client.ts'
import { connectionInput, putConnection } from '../../src/api/connection.ts'
import { pushPolicy } from '../../src/api/policy.ts'
import { closeSession, heartbeatSession, openSession } from '../../src/api/session.ts'
import { genesis, type Link, nextLink } from '../../src/audit/chain.ts'
import type { Entry, StatementStarted } from '../../src/audit/entry.ts'
import { httpSend } from '../../src/identity/http-send.ts'
import { startTestServer, storeKinds, type TestServer } from './support/test-server.ts'

/** Sessions, approvals and the audit log over HTTP, the same on both stores. No database is needed for what they promise. */
const policy = `
@id("oncall-connects") permit (principal in Group::"oncall", action == Action::"connect", resource);
@id("root-looks") @approvers("root") forbid (principal, action == Action::"run_unreviewed", resource);
@id("both-look") @approvers("root, ana") forbid (principal, action == Action::"run_unreviewed", resource);`
const about = { connection: 'db', reason: 'why', ticket: '', host: 'h', osUser: 'u', program: 'test' }

interface OpenSession {
  readonly id: string
  readonly stream: string
  readonly api: ApiClient
}

describe.each(storeKinds)('on %s', (kind) => {
  let server: TestServer
  let ana: ApiClient
  let root: ApiClient
  let eve: ApiClient

  beforeAll(async () => {
    server = await startTestServer(kind)
    root = await server.as('root')
    ana = await server.as('ana')
    eve = await server.as('eve')
    await root.call(pushPolicy, { body: { files: { 'a.cedar': policy } } })
    const body = connectionInput.parse({
      name: 'db',
      engine: 'postgres',
      environment: 'prod',
      host: '127.0.0.1',
      port: 9,
      database: 'd',
      tls: { sslmode: 'disable' },
      credentials: { kind: 'static', user: 'fixed', password: 'p' },
    })
    await root.call(putConnection, { params: { name: 'db' }, body })
  })
  afterAll(() => server?.stop())

  async function open(): Promise<OpenSession> {
    const opened = await ana.call(openSession, { body: about })
    const payload = JSON.parse(Buffer.from(opened.document.split('.')[1] ?? '', 'base64url').toString())
    const api = createApiClient(server.url, httpSend, async () => `Stream ${opened.uploadKey}`)
    return { id: payload.session, stream: payload.stream, api }
  }

  const started = (session: OpenSession, more: Partial<StatementStarted> = {}): Entry => ({
    kind: 'statement.started',
    v: 1,
    id: `evt_${Math.random().toString(36).slice(2).toUpperCase()}`,
    session: session.id,
    atMs: 1_790_000_000_000,
    actor: { kind: 'user', sub: 'ana', email: 'ana@example.com' },
    connection: 'db',
    reason: 'why',
    ticket: '',
    client: { number: 1, application: 'psql', backendPid: 1 },
    protocol: 'simple',
    sql: 'select 1',
    verb: 'SELECT',
    params: [],
    effects: [],
    columns: [],
    inTransaction: false,
    verdict: 'allowed',
    rules: [],
    why: '',
    policyDigest: '',
    masked: [],
    revealed: [],
    request: '',
    ...more,
  })

  function chain(session: OpenSession, entries: readonly unknown[], after: Link | null = null): Link[] {
    const links: Link[] = []
    for (const entry of entries) links.push(nextLink(session.stream, links.at(-1) ?? after, JSON.stringify(entry)))
    return links
  }

  const upload = (session: OpenSession, links: readonly Link[]) =>
    session.api.call(uploadBatch, { params: { stream: session.stream }, body: { links: [...links] } })

  test('a connection nobody granted and one that is not there get the same answer', async () => {
    const messages = await Promise.all(
      [eve.call(openSession, { body: about }), ana.call(openSession, { body: { ...about, connection: 'none' } })].map(
        (call) =>
          call.then(
            () => '',
            (error: Error) => error.message.replace(/"\w+"/, '"…"'),
          ),
      ),
    )

    expect(messages[0]).toBe(messages[1])
    expect(messages[0]).toContain('no such connection for you')
  })

  test('a stream key opens nothing but its own session and stream', async () => {
    const [one, two] = [await open(), await open()]

    await expect(one.api.call(heartbeatSession, { params: { id: two.id } })).rejects.toMatchObject({
      code: 'ACTION_NOT_GRANTED',
    })
    await expect(upload({ ...one, stream: two.stream }, chain(two, [started(two)]))).rejects.toMatchObject({
      code: 'ACTION_NOT_GRANTED',
    })
    await expect(one.api.call(searchAudit, { query: {} })).rejects.toMatchObject({ code: 'LOGIN_REQUIRED' })
  })

  test('the same batch again gets the same answer and is stored once', async () => {
    const session = await open()
    const marker = `once_${kind}_${session.id}`
    const links = chain(session, [started(session, { sql: `select '${marker}'` })])
    const answers = [await upload(session, links), await upload(session, links), await upload(session, links)]
    const { records } = await eve.call(searchAudit, { query: { text: marker } })

    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
    expect(records).toHaveLength(1)
  })

  test('a gap is refused with the place to go on from, another history is a conflict', async () => {
    const session = await open()
    const links = chain(session, [started(session), started(session), started(session)])
    await upload(session, links.slice(0, 1))

    await expect(upload(session, links.slice(2))).rejects.toMatchObject({ code: 'STREAM_GAP' })
    expect(await session.api.call(getStreamHead, { params: { stream: session.stream } })).toEqual({
      seq: 1,
      hash: links[0]?.hash,
    })
    await expect(upload(session, chain(session, [started(session, { sql: 'select 2' })]))).rejects.toMatchObject({
      code: 'STREAM_CONFLICT',
    })
    await expect(
      upload(session, [{ seq: 2, body: '{}', prev: links[0]?.hash ?? genesis, hash: genesis }]),
    ).rejects.toMatchObject({ code: 'STREAM_CONFLICT' })
    expect((await upload(session, links)).seq).toBe(3)
  })

  test('a record that names somebody else is kept aside, and what comes after it goes in', async () => {
    const session = await open()
    const marker = `mine_${kind}_${session.id}`
    const forged = started(session, {
      actor: { kind: 'user', sub: 'eve', email: 'eve@example.com' },
      sql: `select '${marker}'`,
    })
    await upload(
      session,
      chain(session, [forged, { kind: 'nonsense' }, started(session, { sql: `select 'good ${marker}'` })]),
    )
    const { records } = await eve.call(searchAudit, { query: { text: marker } })

    expect(records.map(({ started: { sql } }) => sql)).toEqual([`select 'good ${marker}'`])
    expect(server.log.lines.join()).toContain('quarantined')
  })

  test('a thousand records go in at once and come out in pages, newest first, each once', async () => {
    const session = await open()
    const entries = Array.from({ length: 1_000 }, (_, at) =>
      started(session, {
        id: `evt_${String(at).padStart(26, '0')}`.slice(0, 30),
        sql: `select ${at} as page_${kind}`,
        atMs: 1_700_000_000_000 + Math.floor(at / 3),
      }),
    )
    await upload(session, chain(session, entries))
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await eve.call(searchAudit, {
        query: { text: `page_${kind}`, limit: 300, ...(cursor === undefined ? {} : { cursor }) },
      })
      seen.push(...page.records.map(({ id }) => id))
      cursor = page.next ?? undefined
    } while (cursor !== undefined)

    expect(seen).toHaveLength(1_000)
    expect(new Set(seen).size).toBe(1_000)
    expect(seen).toEqual([...seen].sort((a, b) => (a < b ? 1 : -1)))
  })

  test('of all that is tried with one approval at once, one thing happens', async () => {
    const session = await open()
    for (let round = 0; round < 6; round++) {
      const input = {
        event: 'evt_1',
        sql: 'update t',
        params: [],
        searchPath: '',
        rule: 'root-looks',
        reason: 'x',
        approvers: ['root'],
        count: 1,
      }
      const { id, digest } = await session.api.call(requestApproval, { params: { id: session.id }, body: input })
      await root.call(voteApproval, { params: { id }, body: { vote: 'approve', reason: '' } })
      const params = { id: session.id, request: id }
      const spend = () =>
        session.api.call(spendApproval, { params, body: { digest } }).then(
          () => 1,
          () => 0,
        )
      const tries = await Promise.all([
        spend(),
        spend(),
        session.api.call(withdrawApproval, { params }).then(() => 0),
        spend(),
      ])
      const { state } = await session.api.call(followApproval, { params, query: {} })
      const spent = tries.reduce((sum, each) => sum + each, 0)

      expect([spent, state]).toEqual(state === 'spent' ? [1, 'spent'] : [0, 'withdrawn'])
    }
  })

  test('an approval is not given by its requester, by a stranger, twice, late, or for another digest', async () => {
    const session = await open()
    const input = {
      event: 'evt_1',
      sql: 'update t',
      params: [],
      searchPath: '',
      rule: 'both-look',
      reason: 'x',
      approvers: ['root', 'ana'],
      count: 1,
    }
    const { id } = await session.api.call(requestApproval, { params: { id: session.id }, body: input })
    const params = { id: session.id, request: id }
    const vote = (api: ApiClient) => api.call(voteApproval, { params: { id }, body: { vote: 'approve', reason: '' } })

    await expect(vote(ana)).rejects.toMatchObject({ code: 'ACTION_NOT_GRANTED' })
    await expect(vote(eve)).rejects.toMatchObject({ code: 'ACTION_NOT_GRANTED' })
    await vote(root)
    await expect(vote(root)).rejects.toMatchObject({ code: 'APPROVAL_REFUSED' })
    await expect(session.api.call(spendApproval, { params, body: { digest: '0'.repeat(64) } })).rejects.toMatchObject({
      code: 'APPROVAL_REFUSED',
    })
  })

  test('somebody taken out of the group loses the session with its next heartbeat', async () => {
    const session = await open()
    expect((await session.api.call(heartbeatSession, { params: { id: session.id } })).state).toBe('live')
    await root.call(pushPolicy, { body: { files: {} } })

    expect(await session.api.call(heartbeatSession, { params: { id: session.id } })).toMatchObject({
      state: 'ended',
      why: 'you may no longer use this connection',
    })
    await root.call(pushPolicy, { body: { files: { 'a.cedar': policy } } })
  })

  test('records still arrive after the session was closed, and after a restart of the server', async () => {
    const session = await open()
    const first = chain(session, [started(session)])
    await upload(session, first)
    await session.api.call(closeSession, { params: { id: session.id } })
    await server.restart()

    expect((await upload(session, chain(session, [started(session)], first[0] ?? null))).seq).toBe(2)
  })
})
