import { generateKeyPair, importJWK, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestServer, type TestServer } from '../support/test-server.ts'

let server: TestServer
let idToken: string

beforeAll(async () => {
  server = await startTestServer()
  idToken = (await server.logIn('ana')).idToken
})

afterAll(() => server?.stop())

interface Wanted {
  readonly claims?: Record<string, unknown>
  readonly header?: Record<string, string>
  readonly key?: 'own' | 'stranger'
}

/** A token as the issuer signs them, with what is different in it. */
async function token({ claims = {}, header = {}, key = 'own' }: Wanted = {}): Promise<string> {
  return server.inStore(async (_store, keys) => {
    const now = Math.floor(Date.now() / 1_000)
    const stranger = await generateKeyPair('ES256')
    const payload = {
      iss: `${server.url}/oidc`,
      aud: `${server.url}/v1`,
      sub: 'ana',
      client_id: 'hoop-cli',
      scope: 'api',
      iat: now,
      exp: now + 300,
      jti: 'x',
      ...claims,
    }
    return new SignJWT(Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== undefined)))
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: keys.issuerJwk.kid ?? '', ...header })
      .sign(key === 'own' ? await importJWK(keys.issuerJwk, 'ES256') : stranger.privateKey)
  })
}

async function ask(authorization: string | undefined): Promise<{ status: number; code: string }> {
  const reply = await fetch(`${server.url}/v1/me`, authorization === undefined ? {} : { headers: { authorization } })
  const body = (await reply.json()) as { error?: { code: string } }
  return { status: reply.status, code: body.error?.code ?? '' }
}

test('a token of the issuer is let in, so that what is refused below is refused for its difference', async () => {
  expect(await ask(`Bearer ${await token()}`)).toEqual({ status: 200, code: '' })
})

const inThePast = () => Math.floor(Date.now() / 1_000) - 1

test.each<[string, () => Wanted, string]>([
  ['has expired', () => ({ claims: { exp: inThePast() } }), 'LOGIN_EXPIRED'],
  ['never expires', () => ({ claims: { exp: undefined } }), 'LOGIN_REQUIRED'],
  ['is not valid yet', () => ({ claims: { nbf: inThePast() + 600 } }), 'LOGIN_REQUIRED'],
  ['is for another API', () => ({ claims: { aud: `${server.url}/gateway` } }), 'LOGIN_REQUIRED'],
  ['is for nobody', () => ({ claims: { aud: undefined } }), 'LOGIN_REQUIRED'],
  ['is of another issuer', () => ({ claims: { iss: 'https://evil.example/oidc' } }), 'LOGIN_REQUIRED'],
  ['names no person', () => ({ claims: { sub: undefined } }), 'LOGIN_REQUIRED'],
  ['names somebody unknown', () => ({ claims: { sub: 'mallory' } }), 'LOGIN_REQUIRED'],
  ['names a property of every object', () => ({ claims: { sub: '__proto__' } }), 'LOGIN_REQUIRED'],
  ['was signed by a stranger', () => ({ key: 'stranger' }), 'LOGIN_REQUIRED'],
  ['names a key that is not there', () => ({ header: { kid: 'other' } }), 'LOGIN_REQUIRED'],
  ['is of another type', () => ({ header: { typ: 'JWT' } }), 'LOGIN_REQUIRED'],
  ['has no right to the API', () => ({ claims: { scope: 'openid' } }), 'LOGIN_REQUIRED'],
])('a token that %s is refused', async (_what, wanted, code) => {
  expect(await ask(`Bearer ${await token(wanted())}`)).toEqual({ status: 401, code })
})

test('a token without a signature is refused', async () => {
  const [, payload] = (await token()).split('.')
  const header = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')

  expect(await ask(`Bearer ${header}.${payload}.`)).toEqual({ status: 401, code: 'LOGIN_REQUIRED' })
})

test('the public key is not accepted as a shared secret', async () => {
  const { keys } = (await (await fetch(`${server.url}/oidc/jwks`)).json()) as { keys: object[] }
  const [, payload = ''] = (await token()).split('.')
  const header = Buffer.from('{"alg":"HS256","typ":"at+jwt"}').toString('base64url')
  const { createHmac } = await import('node:crypto')
  const mac = createHmac('sha256', JSON.stringify(keys[0])).update(`${header}.${payload}`).digest('base64url')

  expect(await ask(`Bearer ${header}.${payload}.${mac}`)).toEqual({ status: 401, code: 'LOGIN_REQUIRED' })
})

test('an id token is no access token', async () => {
  expect(await ask(`Bearer ${idToken}`)).toEqual({ status: 401, code: 'LOGIN_REQUIRED' })
})

test.each([
  undefined,
  '',
  'Bearer',
  'Bearer ',
  'Bearer a.b.c',
  'Basic YTpi',
  `Bearer ${'x'.repeat(8_000)}`,
  'Stream abc',
])('the header %.20s lets nobody in', async (header) => {
  expect(await ask(header)).toEqual({ status: 401, code: 'LOGIN_REQUIRED' })
})

test('a token is worth nothing once its five minutes are over', async () => {
  const authorization = `Bearer ${await token()}`
  server.passMs(301_000)
  const then = await ask(authorization)
  server.passMs(-301_000)

  expect(then).toEqual({ status: 401, code: 'LOGIN_EXPIRED' })
})

describe('groups and roles are looked up with every request', () => {
  test('somebody removed is out with the next one', async () => {
    const authorization = `Bearer ${await token({ claims: { sub: 'root' } })}`
    await server.restart({ identity: { people: [] } })
    const then = await ask(authorization)
    await server.restart()

    expect(then).toEqual({ status: 401, code: 'LOGIN_REQUIRED' })
  })

  test('whatever the token says', async () => {
    const claims = { groups: ['admins'], roles: ['admin'] }
    const reply = await fetch(`${server.url}/v1/me`, {
      headers: { authorization: `Bearer ${await token({ claims })}` },
    })

    expect(await reply.json()).toMatchObject({ sub: 'ana', groups: ['oncall'], roles: [] })
  })
})
