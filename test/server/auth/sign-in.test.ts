import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { getMe } from '../../../src/api/server.ts'
import { askForTokens, attempt, Browser, clickTo, logIn, redeem, redirectUri, refresh } from '../support/browser.ts'
import { startTestServer, storeKinds, type TestServer } from '../support/test-server.ts'

describe.each(storeKinds)('signing in, with a store in %s', (kind) => {
  let server: TestServer

  beforeAll(async () => {
    server = await startTestServer(kind)
  })

  afterAll(() => server?.stop())

  test('code, PKCE, state and nonce give a token for this API alone, of five minutes', async () => {
    const { accessToken } = await server.logIn('ana')
    const claims = decodeJwt(accessToken)

    expect(decodeProtectedHeader(accessToken)).toMatchObject({ typ: 'at+jwt', alg: 'ES256' })
    expect(claims).toMatchObject({
      iss: `${server.url}/oidc`,
      aud: `${server.url}/v1`,
      sub: 'ana',
      client_id: 'hoop-cli',
    })
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(300)
    expect(claims).not.toHaveProperty('groups')
  })

  test('it takes one click to say who, and exactly one to continue', async () => {
    const { pages } = await clickTo(await attempt(server.url), 'ana')

    expect(pages.map(({ text }) => /<h1>(.*)<\/h1>/.exec(text)?.[1])).toEqual(['Sign in', 'Continue?'])
    expect(pages[1]?.text).toContain('ana@example.com')
  })

  test('a browser that is signed in is still asked to continue: any local program knows the client id', async () => {
    const browser = new Browser()
    await clickTo(await attempt(server.url), 'ana', browser)

    const second = await browser.open((await attempt(server.url)).address)

    expect(second.text).toContain('Continue?')
    expect(second.location).toBeNull()
  })

  test('pages load nothing, cannot be framed and are not kept', async () => {
    const { pages } = await clickTo(await attempt(server.url), 'ana')

    for (const { headers } of pages) {
      const policy = headers.get('content-security-policy') ?? ''
      expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; frame-ancestors 'none'/)
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('referrer-policy')).toBe('no-referrer')
    }
  })

  test('a code is worth nothing without its verifier', async () => {
    const started = await attempt(server.url)
    const { callback } = await clickTo(started, 'ana')

    await expect(redeem({ ...started, verifier: 'x'.repeat(43) }, callback)).rejects.toMatchObject({
      error: 'invalid_grant',
    })
  })

  test('a code is redeemed once, and a second try takes back what the first gave', async () => {
    const started = await attempt(server.url)
    const { callback } = await clickTo(started, 'ana')
    const tokens = await redeem(started, callback)

    await expect(redeem(started, callback)).rejects.toMatchObject({ error: 'invalid_grant' })
    await expect(refresh(server.url, tokens.refreshToken)).rejects.toMatchObject({ error: 'invalid_grant' })
  })

  test('of many who redeem one code at once, at most one gets tokens', async () => {
    const started = await attempt(server.url)
    const { callback } = await clickTo(started, 'ana')

    const results = await Promise.allSettled(Array.from({ length: 8 }, () => redeem(started, callback)))

    const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    expect(refused.length).toBeGreaterThanOrEqual(7)
    expect(new Set(refused.map(({ error }) => error))).toEqual(new Set(['invalid_grant']))
  })

  test('a refresh token is replaced when it is used, and its second use ends the sign-in', async () => {
    const first = await server.logIn('ana')
    const second = await refresh(server.url, first.refreshToken)
    expect(second.refreshToken).not.toBe(first.refreshToken)

    await expect(refresh(server.url, first.refreshToken)).rejects.toMatchObject({ error: 'invalid_grant' })
    await expect(refresh(server.url, second.refreshToken)).rejects.toMatchObject({ error: 'invalid_grant' })
  })

  test('of many who use one refresh token at once, at most one gets tokens', async () => {
    const { refreshToken } = await server.logIn('ana')

    const results = await Promise.allSettled(Array.from({ length: 8 }, () => refresh(server.url, refreshToken)))

    expect(results.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(1)
  })

  test('logging out takes the refresh token back', async () => {
    const { refreshToken } = await server.logIn('ana')
    const form = { token: refreshToken, token_type_hint: 'refresh_token', client_id: 'hoop-cli' }
    const revoked = await fetch(`${server.url}/oidc/token/revocation`, {
      method: 'POST',
      body: new URLSearchParams(form),
    })

    expect(revoked.status).toBe(200)
    await expect(refresh(server.url, refreshToken)).rejects.toMatchObject({ error: 'invalid_grant' })
  })

  test('tokens and keys outlive a restart', async () => {
    const { accessToken, refreshToken } = await server.logIn('ana')
    await server.restart()

    const me = await fetch(`${server.url}/v1/me`, { headers: { authorization: `Bearer ${accessToken}` } })
    const renewed = await refresh(server.url, refreshToken)

    expect(me.status).toBe(200)
    expect(renewed.accessToken).not.toBe(accessToken)
  })

  test('a sign-in that was begun before a restart is finished after it', async () => {
    const started = await attempt(server.url)
    const browser = new Browser()
    const page = await browser.open(started.address)
    await server.restart()

    const consent = await browser.press(page, 'ana')
    const last = await browser.press(consent, 'yes')

    await expect(redeem(started, new URL(last.location ?? 'none:'))).resolves.toHaveProperty('accessToken')
  })

  test('a sign-in that is not used ends after eight hours, and any after twelve', async () => {
    const hourMs = 3_600_000
    const idle = await server.logIn('ana')
    const busy = await server.logIn('ana')
    server.passMs(7 * hourMs)
    const kept = await refresh(server.url, busy.refreshToken)
    server.passMs(2 * hourMs)

    await expect(refresh(server.url, idle.refreshToken)).rejects.toMatchObject({ error: 'invalid_grant' })
    const keptOn = await refresh(server.url, kept.refreshToken)
    server.passMs(4 * hourMs)
    await expect(refresh(server.url, keptOn.refreshToken)).rejects.toMatchObject({ error: 'invalid_grant' })
  })

  test('somebody who is removed cannot refresh', async () => {
    const { refreshToken } = await server.logIn('ana')
    await server.restart({ identity: { people: [] } })

    await expect(refresh(server.url, refreshToken)).rejects.toMatchObject({ error: 'invalid_grant' })
    await server.restart()
  })
})

describe('what the issuer refuses', () => {
  let server: TestServer

  beforeAll(async () => {
    server = await startTestServer()
  })

  afterAll(() => server?.stop())

  test.each([
    ['no PKCE', { code_challenge: '', code_challenge_method: '' }],
    ['PKCE in clear', { code_challenge_method: 'plain' }],
    ['an implicit flow', { response_type: 'token' }],
    ['another API', { resource: 'https://elsewhere.example/v1' }],
  ])('%s', async (_what, different) => {
    const { address } = await attempt(server.url, different)
    const seen = await new Browser().open(address)

    const came = new URL(seen.location ?? 'none:')
    const error = came.searchParams.get('error') ?? new URLSearchParams(came.hash.slice(1)).get('error')
    expect(came.href).not.toMatch(/code=|access_token=/)
    expect(['invalid_request', 'unsupported_response_type', 'invalid_target', 'unauthorized_client']).toContain(error)
  })

  test.each([
    'http://127.0.0.1:4000/other',
    'http://localhost:4000/callback',
    'http://evil.example/callback',
    'http://127.0.0.1:4000/callback/../x',
  ])('a redirect to %s, with a page of its own and no redirect', async (redirect_uri) => {
    const { address } = await attempt(server.url, { redirect_uri })
    const seen = await new Browser().visit(address)

    expect([seen.status, seen.location]).toEqual([400, null])
    expect(seen.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(seen.text).not.toContain('<script')
  })

  test('any port of the loopback address is a good redirect', async () => {
    const seen = await new Browser().open(
      (await attempt(server.url, { redirect_uri: 'http://127.0.0.1:1/callback' })).address,
    )

    expect(seen.text).toContain('Who is signing in?')
  })

  test('kinds of grant it does not know', async () => {
    for (const grant_type of ['client_credentials', 'password', 'urn:ietf:params:oauth:grant-type:device_code']) {
      expect(await askForTokens(server.url, { grant_type, client_id: 'hoop-cli' })).toMatchObject({ status: 400 })
    }
  })

  test('a refresh for another API', async () => {
    const { refreshToken } = await server.logIn('ana')
    const form = { grant_type: 'refresh_token', client_id: 'hoop-cli', refresh_token: refreshToken }

    expect(await askForTokens(server.url, { ...form, resource: 'https://elsewhere.example/v1' })).toEqual({
      status: 400,
      error: 'invalid_target',
    })
  })

  test('the development pages, where any password will do, do not exist', async () => {
    const page = await new Browser().open((await attempt(server.url)).address)

    expect(page.url).toContain('/sign-in/')
    expect(page.text).not.toContain('password')
  })

  test('whatever it has no use for: it says so, and has no such address', async () => {
    const reply = await fetch(`${server.url}/oidc/.well-known/openid-configuration`)
    const about = (await reply.json()) as Record<string, unknown>
    const endpoints = Object.keys(about).filter((key) => key.endsWith('_endpoint'))

    expect(new Set(endpoints)).toEqual(new Set(['authorization_endpoint', 'revocation_endpoint', 'token_endpoint']))
    expect(about).toMatchObject({
      code_challenge_methods_supported: ['S256'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      response_types_supported: ['code'],
    })
    expect(about).not.toHaveProperty('dpop_signing_alg_values_supported')
    for (const path of ['reg', 'device/auth', 'request', 'token/introspection', 'me', 'session/end', 'backchannel']) {
      expect((await fetch(`${server.url}/oidc/${path}`, { method: 'POST' })).status).toBe(404)
    }
  })

  test('what discovery names is below the issuer, whatever Host a request claims', async () => {
    const { request } = await import('node:http')
    const { port } = new URL(server.url)
    const text = await new Promise<string>((resolve, reject) => {
      const asked = request(
        {
          port,
          path: '/oidc/.well-known/openid-configuration',
          headers: { host: 'evil.example', 'x-forwarded-host': 'evil.example' },
        },
        (reply) => {
          let body = ''
          reply.setEncoding('utf8').on('data', (chunk) => {
            body += chunk
          })
          reply.on('end', () => resolve(body))
        },
      )
      asked.on('error', reject).end()
    })

    expect(text).not.toContain('evil.example')
  })
})

describe('the sign-in pages', () => {
  let server: TestServer

  beforeAll(async () => {
    server = await startTestServer()
  })

  afterAll(() => server?.stop())

  test.each(['login', 'consent'])(
    'answer a %s form without the cookie of a sign-in with a page, at once',
    async (form) => {
      const browser = new Browser()
      const page = await browser.open((await attempt(server.url)).address)
      const seen = await new Browser().post(`${page.url}/${form}`, { sub: 'ana', consent: 'yes' })

      expect(seen.status).toBe(400)
      expect(seen.text).toContain('hoop login')
    },
  )

  test('do not continue before somebody has signed in', async () => {
    const browser = new Browser()
    await clickTo(await attempt(server.url), 'ana', browser)
    const page = await browser.open((await attempt(server.url, { prompt: 'login consent' })).address)

    const seen = await browser.post(`${page.url}/consent`, { consent: 'yes' })

    expect([seen.status, seen.location]).toEqual([400, null])
  })

  test('do not change who signs in once that is settled', async () => {
    const browser = new Browser()
    const page = await browser.open((await attempt(server.url)).address)
    const consent = await browser.press(page, 'ana')

    const seen = await browser.post(`${consent.url}/login`, { sub: 'root' })

    expect([seen.status, seen.location]).toEqual([400, null])
  })

  test('refuse a form that another site has sent', async () => {
    const browser = new Browser()
    const page = await browser.open((await attempt(server.url)).address)

    const seen = await browser.post(`${page.url}/login`, { sub: 'ana' }, { 'sec-fetch-site': 'cross-site' })

    expect(seen.status).toBe(400)
  })

  test('know nobody but the people they offer', async () => {
    const browser = new Browser()
    const page = await browser.open((await attempt(server.url)).address)

    for (const sub of ['mallory', '', '__proto__']) {
      expect((await browser.post(`${page.url}/login`, { sub })).status).toBe(400)
    }
  })

  test('say that a sign-in is over when it is', async () => {
    const browser = new Browser()
    const page = await browser.open((await attempt(server.url)).address)
    server.passMs(11 * 60_000)

    expect((await browser.visit(page.url)).status).toBe(400)
    server.passMs(-11 * 60_000)
  })

  test('a form of any size is read up to a limit', async () => {
    const browser = new Browser()
    const page = await browser.open((await attempt(server.url)).address)
    const seen = await browser.post(`${page.url}/login`, { sub: 'x'.repeat(2_000_000) })

    expect(seen.status).toBe(413)
  })

  test('a name with markup in it is shown as text', async () => {
    await server.restart({
      identity: { people: [{ sub: 'ana', email: 'ana+<b>@example.com', name: 'x', groups: [] }] },
    })
    const { pages } = await clickTo(await attempt(server.url), 'ana')
    await server.restart()

    expect(pages[1]?.text).toContain('ana+&#60;b&#62;@example.com')
  })
})

test('what an unfinished sign-in leaves in the store is gone when it has expired and another one begins', async () => {
  const server = await startTestServer()
  onTestFinished(() => server.stop())
  const count = async (): Promise<number> => {
    const { default: Database } = await import('better-sqlite3')
    const database = new Database(`${server.dataDir}/hoop.sqlite`, { readonly: true })
    const row = database.prepare('select count(*) as n from oidc').get() as { n: number }
    database.close()
    return row.n
  }
  for (let times = 0; times < 5; times++) await new Browser().open((await attempt(server.url)).address)
  const before = await count()
  server.passMs(13 * 3_600_000)
  await new Browser().open((await attempt(server.url)).address)

  expect(before).toBeGreaterThanOrEqual(5)
  expect(await count()).toBeLessThan(before)
})

test('nothing of a token is in the store or the log in clear', async () => {
  const server = await startTestServer()
  onTestFinished(() => server.stop())
  const { accessToken, refreshToken } = await server.logIn('ana')
  const { readFileSync, readdirSync } = await import('node:fs')
  const kept = readdirSync(server.dataDir)
    .map((file) => readFileSync(`${server.dataDir}/${file}`, 'latin1'))
    .join('')

  expect(kept).not.toContain(refreshToken)
  expect(kept).not.toContain(accessToken)
  expect(server.log.lines.join('\n')).not.toContain(refreshToken)
})

test('two people who sign in at once each get their own token', async () => {
  const server = await startTestServer()
  onTestFinished(() => server.stop())
  const [ana, root] = await Promise.all([server.as('ana'), server.as('root')])

  expect([(await ana.call(getMe)).sub, (await root.call(getMe)).sub]).toEqual(['ana', 'root'])
  expect(redirectUri).toContain('127.0.0.1')
  await logIn(server.url, 'eve')
})
