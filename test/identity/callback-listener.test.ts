import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type CallbackListener, listenForCallback } from '../../src/identity/callback-listener.ts'

const state = 'the-state-of-this-sign-in'
let listener: CallbackListener
let port: number
let sockets: Socket[] = []

beforeEach(async () => {
  listener = await listenForCallback(state, 20_000)
  port = Number(new URL(listener.redirectUri).port)
})

afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  sockets = []
  await listener.close()
})

interface Reply {
  readonly status: number
  readonly location: string | undefined
  readonly headers: Record<string, unknown>
  readonly text: string
}

/** Sends the path as it stands: `fetch` would tidy it up. */
function ask(path: string, { method = 'GET', headers = {} }: { method?: string; headers?: object } = {}) {
  return new Promise<Reply>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers: { ...headers } }, (reply) => {
      let text = ''
      reply.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      reply.on('end', () =>
        resolve({ status: reply.statusCode ?? 0, location: reply.headers.location, headers: reply.headers, text }),
      )
    })
    sent.on('error', reject)
    sent.end()
  })
}

/** Bytes as they stand; what came back until the other side ended. */
function sendRaw(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    let text = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk
    })
    socket.on('error', () => undefined).on('close', () => resolve(text))
    sockets.push(socket)
  })
}

const trueCallback = `/callback?code=abc&state=${state}&iss=x`

async function expectTrueOneStillWorks(): Promise<void> {
  const reply = await ask(trueCallback, { headers: { 'sec-fetch-dest': 'document' } })

  expect([reply.status, reply.location]).toEqual([303, '/done'])
  expect((await listener.arrived).searchParams.get('code')).toBe('abc')
}

describe('a wrong request gets 400 and the wait goes on:', () => {
  test.each([
    ['another path', '/', {}],
    ['a longer path', `/callback/x?state=${state}`, {}],
    ['a path that only becomes right', `/x/../callback?code=evil&state=${state}`, {}],
    ['an encoded path', `/%63allback?code=evil&state=${state}`, {}],
    ['a path no URL parser takes', '//', {}],
    ['an absolute address', `http://evil.example/callback?code=evil&state=${state}`, {}],
    ['no query', '/callback', {}],
    ['no state', '/callback?code=evil', {}],
    ['another state', '/callback?code=evil&state=other', {}],
    ['two states', `/callback?code=evil&state=${state}&state=${state}`, {}],
    ['the last page before its time', '/done', {}],
    ['another host', trueCallback, { headers: { host: `evil.example:${port}` } }],
    ['localhost, which a page may have been rebound to', trueCallback, { headers: { host: 'localhost' } }],
    ['a fetch', trueCallback, { headers: { 'sec-fetch-dest': 'empty' } }],
    ['an image', trueCallback, { headers: { 'sec-fetch-dest': 'image' } }],
    ['a frame', trueCallback, { headers: { 'sec-fetch-dest': 'iframe' } }],
    ['POST', trueCallback, { method: 'POST' }],
    ['HEAD', trueCallback, { method: 'HEAD' }],
    ['OPTIONS', trueCallback, { method: 'OPTIONS' }],
    ['an upgrade', '/', { headers: { connection: 'upgrade', upgrade: 'websocket' } }],
  ])('%s', async (_what, path, options) => {
    expect((await ask(path, options)).status).toBe(400)
    await expectTrueOneStillWorks()
  })
})

test.each([
  ['no HTTP at all', '\0\0\0\x08\x04\xd2\x16\x2f'],
  ['no host', `GET ${trueCallback} HTTP/1.1\r\n\r\n`],
  ['headers without end', `GET / HTTP/1.1\r\n${'x: yyyyyyyyyyyyyyyy\r\n'.repeat(5_000)}`],
  ['CONNECT', 'CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example\r\n\r\n'],
])('bytes that are %s end their own connection only', async (_what, bytes) => {
  expect(await sendRaw(bytes)).not.toContain('303')
  await expectTrueOneStillWorks()
})

test('a hundred silent connections keep the true one out for no moment', async () => {
  for (let count = 0; count < 100; count++) {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined)
    sockets.push(socket)
    await new Promise((resolve) => socket.once('connect', resolve))
  }
  const startedAt = performance.now()
  await expectTrueOneStillWorks()

  expect(performance.now() - startedAt).toBeLessThan(2_000)
  expect(sockets.filter(({ closed }) => !closed).length).toBeLessThanOrEqual(16)
})

test('no page can run, frame, keep or pass on anything', async () => {
  const wrong = await ask('/')
  const right = await ask(trueCallback)

  for (const { headers } of [wrong, right]) {
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'.*frame-ancestors 'none'/)
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' })
  }
})

test('the last page waits until it is known how the sign-in ended, and says it', async () => {
  await ask(trueCallback)
  const page = ask('/done')
  await new Promise((resolve) => setTimeout(resolve, 50))
  listener.finish('Signed in as ana@example.com')

  expect(await page).toMatchObject({ status: 200, text: expect.stringContaining('Signed in as ana@example.com') })
})

test('a name with markup or direction marks in it is shown as text', async () => {
  await ask(trueCallback)
  listener.finish('Signed in as <img src=x>\u202e"evil')
  const { text } = await ask('/done')

  expect(text).toContain('&#60;img src=x&#62;\ufffd&#34;evil')
})

test('a second browser that comes back does not change which one was first', async () => {
  await ask(trueCallback)
  await ask(trueCallback.replace('abc', 'second'))

  expect((await listener.arrived).searchParams.get('code')).toBe('abc')
})

test('the wait has an end', async () => {
  const short = await listenForCallback(state, 30)

  await expect(short.arrived).rejects.toMatchObject({ code: 'LOGIN_FAILED' })
  await short.close()
})

test('it closes at once when nobody came, with connections open', async () => {
  const other = await listenForCallback(state, 20_000)
  const socket = connect(Number(new URL(other.redirectUri).port), '127.0.0.1').on('error', () => undefined)
  await new Promise((resolve) => socket.once('connect', resolve))
  const startedAt = performance.now()
  await other.close()

  expect(performance.now() - startedAt).toBeLessThan(500)
})
