import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type SignedIn, signIn } from '../../src/identity/sign-in.ts'
import { systemClock } from '../../src/identity/system-clock.ts'
import { type Faults, type ScriptedIdp, send, startScriptedIdp } from './support/scripted-idp.ts'

let idp: ScriptedIdp

beforeAll(async () => {
  idp = await startScriptedIdp()
})

beforeEach(() => {
  idp.become({})
  idp.asked.length = 0
})

afterAll(() => idp?.stop())

function attempt(server = idp.url): Promise<SignedIn> {
  return signIn({
    server,
    clock: systemClock,
    timeoutMs: 5_000,
    present: async (url) => {
      await idp.press(url)
    },
  })
}

test('an honest issuer signs in', async () => {
  const { me, server, credential } = await attempt(`${idp.url.toUpperCase().replace('HTTP', 'http')}/`)

  expect([me.email, server]).toEqual(['ana@example.com', idp.url])
  expect(credential.accessEndsAtMs - credential.accessObtainedAtMs).toBe(300_000)
})

describe('an issuer is not believed', () => {
  const cases: readonly [string, Faults][] = [
    ['whose token is of another issuer', { claims: (claims) => ({ ...claims, iss: 'https://evil.example' }) }],
    ['whose token is for another client', { claims: (claims) => ({ ...claims, aud: 'other' }) }],
    ['whose token answers another request', { claims: (claims) => ({ ...claims, nonce: 'other' }) }],
    ['whose token answers no request', { claims: ({ nonce: _nonce, ...claims }) => claims }],
    ['whose token has expired', { claims: (claims) => ({ ...claims, exp: Math.floor(Date.now() / 1_000) - 120 }) }],
    ['whose token nobody signed', { unsigned: true }],
    ['whose token another key signed', { foreignKey: true }],
    ['that names another issuer in the redirect', { callback: (url) => url.searchParams.set('iss', 'https://evil') }],
    ['that names no issuer in the redirect', { callback: (url) => url.searchParams.delete('iss') }],
    ['that gives no identity', { token: (reply) => send(reply, 200, { token_type: 'Bearer', access_token: 'x' }) }],
    ['that calls itself otherwise', { metadata: (known) => ({ ...known, issuer: 'https://evil.example' }) }],
    ['that wants codes in clear', { metadata: (known) => ({ ...known, token_endpoint: 'http://evil.example/t' }) }],
    ['that opens a program', { metadata: (known) => ({ ...known, authorization_endpoint: 'file:///bin/sh' }) }],
    ['that does not stop talking', { metadata: (known) => ({ ...known, padding: 'x'.repeat(2_000_000) }) }],
    ['that refuses', { callback: (url) => url.searchParams.set('error', 'access_denied') }],
  ]

  test.each(cases)('%s', async (_what, faults) => {
    idp.become(faults)

    await expect(attempt()).rejects.toMatchObject({ code: 'LOGIN_FAILED', details: { ran: 'nothing' } })
  })

  test.each([
    ['that ends the connection instead of answering', (reply: import('node:http').ServerResponse) => reply.destroy()],
  ])('%s: nobody answered', async (_what, token) => {
    idp.become({ token })

    await expect(attempt()).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' })
  })
})

test('a token of a clock that is 30 seconds behind or ahead is taken', async () => {
  idp.become({ claims: (claims) => ({ ...claims, exp: Math.floor(Date.now() / 1_000) - 30 }) })
  await attempt()
  idp.become({ claims: (claims) => ({ ...claims, iat: Math.floor(Date.now() / 1_000) + 30 }) })

  await expect(attempt()).resolves.toBeDefined()
})

test('the browser is told that a sign-in failed, and why is not told there', async () => {
  idp.become({ foreignKey: true })
  let page: Promise<string> | undefined
  await signIn({
    server: idp.url,
    clock: systemClock,
    present: async (url) => {
      page = (await idp.press(url)).lastPage
    },
  }).catch(() => undefined)

  expect(await page).toContain('You are not signed in')
})

test('a server that passes itself off as another is found out before anybody signs in', async () => {
  idp.become({ discovery: (known) => ({ ...known, audience: 'https://good.example/v1' }) })

  await expect(attempt()).rejects.toMatchObject({
    code: 'SERVER_MISTRUSTED',
    hint: expect.stringContaining('good.example'),
  })
  expect(idp.asked).toEqual([])
})

test.each([
  ['key', { signingKey: { kty: 'OKP', crv: 'Ed25519', x: 'second' } }],
  ['issuer', { issuer: 'https://evil.example' }],
  ['tenant', { tenant: 'evil' }],
])('a server with another %s than at the first sign-in is not trusted', async (_what, different) => {
  const { discovery } = await attempt()
  idp.become({ discovery: (known) => ({ ...known, ...different }) })
  const again = signIn({
    server: idp.url,
    clock: systemClock,
    pinned: { ...discovery, contextName: 'prod' },
    present: async () => undefined,
  })

  await expect(again).rejects.toMatchObject({
    code: 'SERVER_MISTRUSTED',
    hint: expect.stringContaining('hoop context rm prod'),
  })
})

test('an address in clear over a network is refused before anything is sent', async () => {
  await expect(attempt('http://hoop.example.com')).rejects.toMatchObject({ code: 'USAGE' })
})

test('an address with a password in it is refused without repeating it', async () => {
  const error = await attempt('https://ana:s3cret@hoop.example.com').catch((reason: Error) => reason)

  expect(error).toMatchObject({ code: 'USAGE' })
  expect(JSON.stringify(error) + (error as Error).message).not.toContain('s3cret')
})

test('what answers there but is no hoop server is named as that', async () => {
  await expect(attempt(`${idp.url}/elsewhere`)).rejects.toMatchObject({
    code: 'SERVER_MISTRUSTED',
    message: expect.stringContaining('is not a hoop server'),
  })
})

test('where nothing listens the server is unreachable', async () => {
  await expect(attempt('http://127.0.0.1:1')).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE', exit: 11 })
})

test('Ctrl-C ends the wait for the browser', async () => {
  const interrupt = new AbortController()
  const waiting = signIn({
    server: idp.url,
    clock: systemClock,
    signal: interrupt.signal,
    present: async () => setTimeout(() => interrupt.abort(), 20) && undefined,
  })

  await expect(waiting).rejects.toMatchObject({ code: 'LOGIN_FAILED' })
})

test('a browser that cannot be presented with the address ends it', async () => {
  const present = () => Promise.reject(new TypeError('no screen'))

  await expect(signIn({ server: idp.url, clock: systemClock, present })).rejects.toThrow('no screen')
})

test('a code without its verifier is worth nothing, and no two requests are alike', async () => {
  const seen: URL[] = []
  for (let times = 0; times < 2; times++) {
    await signIn({
      server: idp.url,
      clock: systemClock,
      present: async (url) => {
        seen.push(new URL(url))
        await idp.press(url)
      },
    })
  }
  const [first, second] = seen.map(({ searchParams }) => Object.fromEntries(searchParams))

  expect(first).toMatchObject({ code_challenge_method: 'S256', response_type: 'code', resource: `${idp.url}/v1` })
  for (const name of ['state', 'nonce', 'code_challenge']) {
    expect(first?.[name]?.length).toBeGreaterThanOrEqual(43)
    expect(first?.[name]).not.toBe(second?.[name])
  }
})
