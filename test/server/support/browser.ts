import * as oidc from 'openid-client'

/** What a whole sign-in gave. */
export interface Tokens {
  readonly accessToken: string
  readonly refreshToken: string
  readonly idToken: string
}

/** Where nothing listens: the browser here stops before it would go there. */
export const redirectUri = 'http://127.0.0.1:49152/callback'

/** A page, or a redirect, as a browser met it. */
export interface Seen {
  readonly url: string
  readonly status: number
  readonly text: string
  readonly location: string | null
  readonly headers: Headers
}

/** A browser without a screen: cookies by path, redirects one at a time, and nothing it was not told to do. */
export class Browser {
  readonly #cookies = new Map<string, { readonly value: string; readonly path: string }>()

  async visit(address: string | URL, init: RequestInit = {}): Promise<Seen> {
    const url = new URL(address)
    const jar = [...this.#cookies]
      .filter(([, { path }]) => url.pathname.startsWith(path))
      .map(([name, { value }]) => `${name}=${value}`)
    const headers = new Headers({ accept: 'text/html', ...init.headers })
    if (jar.length > 0) headers.set('cookie', jar.join('; '))
    const reply = await fetch(url, { ...init, headers, redirect: 'manual' })
    for (const line of reply.headers.getSetCookie()) this.#keep(line)
    const location = reply.headers.get('location')
    return {
      url: url.href,
      status: reply.status,
      text: await reply.text(),
      location: location === null ? null : new URL(location, url).href,
      headers: reply.headers,
    }
  }

  /** Visits, and goes where redirects lead, up to a page or the callback. */
  async open(address: string | URL, init: RequestInit = {}): Promise<Seen> {
    let seen = await this.visit(address, init)
    while (seen.location !== null && !seen.location.startsWith(redirectUri)) seen = await this.visit(seen.location)
    return seen
  }

  /** Presses the button of that value on a page. */
  async press(page: Seen, value: string): Promise<Seen> {
    const action = /<form method="post" action="([^"]+)"/.exec(page.text)?.[1] ?? ''
    const name = new RegExp(`name="(\\w+)" value="${value}"`).exec(page.text)?.[1] ?? ''
    return this.post(new URL(action, page.url), { [name]: value })
  }

  post(address: string | URL, form: Record<string, string>, headers: Record<string, string> = {}): Promise<Seen> {
    return this.open(address, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams(form).toString(),
    })
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
    const equals = pair.indexOf('=')
    const path = attributes.find((attribute) => attribute.toLowerCase().startsWith('path='))?.slice(5) ?? '/'
    const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)]
    if (value === '') this.#cookies.delete(name)
    else this.#cookies.set(name, { value, path })
  }
}

/** One authorization request, and what is needed to redeem its code. */
export interface Attempt {
  readonly config: oidc.Configuration
  readonly address: URL
  readonly verifier: string
  readonly state: string
  readonly nonce: string
  readonly audience: string
}

export async function attempt(server: string, different: Record<string, string> = {}): Promise<Attempt> {
  const config = await oidc.discovery(
    new URL(`${server}/oidc`),
    'hoop-cli',
    { id_token_signed_response_alg: 'ES256' },
    oidc.None(),
    { execute: [oidc.allowInsecureRequests] },
  )
  const [verifier, state, nonce] = [oidc.randomPKCECodeVerifier(), oidc.randomState(), oidc.randomNonce()]
  const audience = `${server}/v1`
  const address = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: 'openid api',
    resource: audience,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...different,
  })
  return { config, address, verifier, state, nonce, audience }
}

/** Clicks through to the callback: who, then Continue. */
export async function clickTo(
  callbackOf: Attempt,
  sub: string,
  browser: Browser = new Browser(),
): Promise<{ readonly callback: URL; readonly pages: readonly Seen[] }> {
  const pages: Seen[] = []
  let seen = await browser.open(callbackOf.address)
  while (seen.location === null && pages.length < 5) {
    pages.push(seen)
    const button = seen.text.includes('value="yes"') ? 'yes' : sub
    seen = await browser.press(seen, button)
  }
  return { callback: new URL(seen.location ?? 'none:'), pages }
}

export async function redeem({ config, ...about }: Attempt, callback: URL): Promise<Tokens> {
  const tokens = await oidc.authorizationCodeGrant(
    config,
    callback,
    { pkceCodeVerifier: about.verifier, expectedState: about.state, expectedNonce: about.nonce, idTokenExpected: true },
    { resource: about.audience },
  )
  return { accessToken: tokens.access_token, refreshToken: tokens.refresh_token ?? '', idToken: tokens.id_token ?? '' }
}

/** The whole flow: authorization code with PKCE, state and nonce. */
export async function logIn(server: string, sub: string): Promise<Tokens> {
  const started = await attempt(server)
  const { callback } = await clickTo(started, sub)
  return redeem(started, callback)
}

export async function refresh(server: string, refreshToken: string): Promise<Tokens> {
  const { config, audience } = await attempt(server)
  const tokens = await oidc.refreshTokenGrant(config, refreshToken, { resource: audience })
  return { accessToken: tokens.access_token, refreshToken: tokens.refresh_token ?? '', idToken: '' }
}

/** A reply of the token endpoint as it is, for what no client would ask. */
export async function askForTokens(
  server: string,
  form: Record<string, string>,
): Promise<{ status: number; error: string }> {
  const reply = await fetch(`${server}/oidc/token`, { method: 'POST', body: new URLSearchParams(form) })
  const body = (await reply.json()) as { error?: string }
  return { status: reply.status, error: body.error ?? '' }
}
