import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { problem } from '../../../src/api/problem.ts'
import { startTestServer, type TestServer } from '../support/test-server.ts'

let server: TestServer
let admin: string

beforeAll(async () => {
  server = await startTestServer()
  admin = `Bearer ${(await server.logIn('root')).accessToken}`
})

afterAll(() => server?.stop())

async function send(path: string, init: RequestInit = {}): Promise<{ status: number; code: string; message: string }> {
  const reply = await fetch(server.url + path, init)
  const { error } = problem.parse(await reply.json())
  return { status: reply.status, code: error.code, message: error.message }
}

function put(body: string, type = 'application/json', authorization = admin): RequestInit {
  return { method: 'PUT', headers: { authorization, 'content-type': type }, body }
}

describe('whatever is refused has the one shape that clients understand', () => {
  test.each<[string, string, () => RequestInit, number, string]>([
    ['an unknown key', '/v1/policy', () => put('{"files":{},"more":1}'), 400, 'USAGE'],
    ['an unknown parameter', '/v1/me?x=1', () => ({ headers: { authorization: admin } }), 400, 'USAGE'],
    ['a missing key', '/v1/policy', () => put('{}'), 400, 'USAGE'],
    ['a list in place of an object', '/v1/policy', () => put('[]'), 400, 'USAGE'],
    ['no body', '/v1/policy', () => ({ method: 'PUT', headers: { authorization: admin } }), 400, 'USAGE'],
    ['half a body', '/v1/policy', () => put('{"files":'), 400, 'USAGE'],
    [
      'a body that would change every object',
      '/v1/policy',
      () => put('{"files":{},"__proto__":{"a":1}}'),
      400,
      'USAGE',
    ],
    ['a file called __proto__', '/v1/policy', () => put('{"files":{"__proto__":"x"}}'), 400, 'USAGE'],
    ['a form', '/v1/policy', () => put('files=1', 'application/x-www-form-urlencoded'), 400, 'USAGE'],
    ['something else than JSON', '/v1/policy', () => put('<x/>', 'application/xml'), 415, 'USAGE'],
    ['an address that is none', '/v1/nothing', () => ({}), 404, 'NOT_FOUND'],
    ['an address with a broken escape', '/v1/connections/%E0%A4%A', () => put('{}'), 400, 'USAGE'],
    ['a method that is none', '/v1/me', () => ({ method: 'DELETE' }), 404, 'NOT_FOUND'],
  ])('%s', async (_what, path, init, status, code) => {
    expect(await send(path, init())).toMatchObject({ status, code })
  })
})

test('a body over the limit is refused, and before that whoever may not send any', async () => {
  const tooLarge = 'x'.repeat(33 * 1024 * 1024)

  expect(await send('/v1/policy', put(tooLarge))).toMatchObject({ status: 413, code: 'USAGE' })
  expect(await send('/v1/policy', put('{"files":', 'application/json', 'Bearer x'))).toMatchObject({ status: 401 })
})

test('a caller nobody knows is answered before its body has come', async () => {
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  socket.write(
    `PUT /v1/policy HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Type: application/json\r\nContent-Length: 30000000\r\n\r\n{`,
  )
  const first = await new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(chunk.toString('utf8'))))
  socket.destroy()

  expect(first).toMatch(/^HTTP\/1\.1 401 /)
})

test('a stream key nobody has given lets nobody in', async () => {
  for (const authorization of ['Stream ', `Stream ${'x'.repeat(43)}`, `Stream ${'x'.repeat(9_000)}`, admin]) {
    const headers = { authorization, 'content-type': 'application/json' }
    expect(await send('/v1/sessions/ses_1/heartbeat', { method: 'POST', headers, body: '{}' })).toMatchObject({
      status: 401,
      code: 'LOGIN_REQUIRED',
    })
  }
})

test('every answer forbids to load, frame or guess anything', async () => {
  for (const path of ['/v1/discovery', '/healthz', '/nothing', '/oidc/jwks']) {
    const { headers } = await fetch(server.url + path)
    expect(headers.get('content-security-policy')).toBe("default-src 'none';frame-ancestors 'none'")
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  }
})

test('what nobody foresaw is in the log, and not in the answer', async () => {
  const broken = await startTestServer()
  onTestFinished(() => broken.stop())
  const authorization = `Bearer ${(await broken.logIn('root')).accessToken}`
  await broken.inStore((store) => store.db.schema.dropTable('policies').execute())
  const reply = await fetch(`${broken.url}/v1/policy`, { headers: { authorization } })
  const text = await reply.text()

  expect([reply.status, problem.parse(JSON.parse(text)).error.code]).toEqual([500, 'UNEXPECTED'])
  expect(text).not.toContain('policies')
  expect(broken.log.lines.join('\n')).toContain('request failed')
})

test('a secret that cannot be opened is the trouble of the server, not of the caller', async () => {
  await server.inStore((store) =>
    store.db
      .insertInto('connections')
      .values({
        name: 'broken',
        input: JSON.stringify({ name: 'broken', credentials: { kind: 'static' } }),
        sealed: 'AAAA',
      })
      .execute(),
  )
  const refused = await send('/v1/connections', { headers: { authorization: admin } })
  await server.inStore((store) => store.db.deleteFrom('connections').execute())

  expect(refused).toMatchObject({ status: 500, code: 'UNEXPECTED' })
  expect(refused.message).not.toContain(server.dataDir)
})

test('one address cannot ask without end, and is told so in a way it can wait for', async () => {
  const limited = await startTestServer()
  onTestFinished(() => limited.stop())
  const ask = async (): Promise<number> => {
    const reply = await fetch(`${limited.url}/v1/nothing`)
    await reply.arrayBuffer()
    return reply.status
  }
  let last = 0
  for (let times = 0; times < 130 && last !== 429; times++) {
    last = (await Promise.all(Array.from({ length: 50 }, ask))).at(-1) ?? 0
  }
  const reply = await fetch(`${limited.url}/v1/discovery`)
  const body = problem.parse(await reply.json())

  expect([reply.status, body.error.code]).toEqual([429, 'SERVER_UNREACHABLE'])
})

test('health is the store’s health', async () => {
  const watched = await startTestServer('postgres')
  onTestFinished(() => watched.stop())
  const well = await fetch(`${watched.url}/healthz`)
  await watched.postgres?.stop()
  const ill = await fetch(`${watched.url}/healthz`)

  expect([well.status, ill.status]).toEqual([200, 503])
  expect(await ill.json()).toEqual({ ok: false, version: 'test' })
})
