import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'

/** What one sign-in at the scripted issuer may get wrong. */
export interface Faults {
  readonly claims?: (claims: JWTPayload) => JWTPayload
  readonly unsigned?: boolean
  readonly foreignKey?: boolean
  readonly callback?: (url: URL) => void
  readonly metadata?: (metadata: Record<string, unknown>) => Record<string, unknown>
  readonly discovery?: (discovery: Record<string, unknown>) => Record<string, unknown>
  /** Answers the token endpoint in the place of the true answer. */
  readonly token?: (reply: ServerResponse) => void
  /** Refresh tokens are used up by being used. */
  readonly rotates?: boolean
}

export interface ScriptedIdp {
  readonly url: string
  /** In order: `authorization_code`, `refresh_token`, `revoke`. */
  readonly asked: string[]
  /** What stands in for a person at a browser. */
  press(address: string): Promise<{ readonly status: number; readonly lastPage: Promise<string> }>
  become(faults: Faults): void
  /** As if an admin had ended every sign-in. */
  endAll(): void
  stop(): Promise<void>
}

/** A hoop server's discovery and an issuer on one port, as honest as it is told to be. */
export async function startScriptedIdp(): Promise<ScriptedIdp> {
  const [own, foreign] = [0, 1].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }))
  if (!own || !foreign) throw new Error('no keys')
  const jwk = { ...(await exportJWK(own.publicKey)), kid: 'own', alg: 'ES256', use: 'sig' }
  let faults: Faults = {}
  const asked: string[] = []
  const codes = new Map<string, string>()
  const live = new Set<string>()
  const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const idToken = async (nonce: string): Promise<string> => {
    const nowS = Math.floor(Date.now() / 1_000)
    const usual = { iss: `${url()}/oidc`, aud: 'hoop-cli', sub: 'ana', nonce, iat: nowS, exp: nowS + 300 }
    const claims = faults.claims?.(usual) ?? usual
    if (faults.unsigned) return new UnsecuredJWT(claims).encode()
    return new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', kid: 'own' })
      .sign(faults.foreignKey ? foreign.privateKey : own.privateKey)
  }
  const tokens = async (nonce: string | null): Promise<object> => {
    const refresh_token = `refresh-${randomUUID()}`
    live.add(refresh_token)
    const id_token = nonce === null ? {} : { id_token: await idToken(nonce) }
    return { token_type: 'Bearer', access_token: `access-${randomUUID()}`, expires_in: 300, refresh_token, ...id_token }
  }
  const grant = async (form: URLSearchParams, reply: ServerResponse): Promise<void> => {
    asked.push(form.get('grant_type') ?? '')
    if (faults.token) return faults.token(reply)
    if (form.get('grant_type') === 'refresh_token') {
      const token = form.get('refresh_token') ?? ''
      if (!live.has(token)) return send(reply, 400, { error: 'invalid_grant', error_description: 'it is over' })
      if (faults.rotates) live.delete(token)
      const fresh = await tokens(null)
      return send(reply, 200, faults.rotates ? fresh : { ...fresh, refresh_token: token })
    }
    const nonce = codes.get(form.get('code') ?? '')
    return nonce === undefined ? send(reply, 400, { error: 'invalid_grant' }) : send(reply, 200, await tokens(nonce))
  }
  const documents = (): Record<string, unknown> => {
    const metadata = {
      issuer: `${url()}/oidc`,
      authorization_endpoint: `${url()}/oidc/auth`,
      token_endpoint: `${url()}/oidc/token`,
      jwks_uri: `${url()}/oidc/jwks`,
      revocation_endpoint: `${url()}/oidc/revoke`,
      id_token_signing_alg_values_supported: ['ES256'],
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      authorization_response_iss_parameter_supported: true,
    }
    const discovery = {
      name: 'hoop',
      version: '1',
      tenant: 'acme',
      issuer: `${url()}/oidc`,
      audience: `${url()}/v1`,
      clientId: 'hoop-cli',
      signingKey: { kty: 'OKP', crv: 'Ed25519', x: 'first' },
      demo: false,
    }
    return {
      '/v1/discovery': faults.discovery?.(discovery) ?? discovery,
      '/v1/me': { sub: 'ana', email: 'ana@example.com', name: 'Ana', groups: [], roles: [] },
      '/oidc/.well-known/openid-configuration': faults.metadata?.(metadata) ?? metadata,
      '/oidc/jwks': { keys: [jwk] },
    }
  }
  const server = createServer(async (request, reply) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', url())
    if (pathname === '/oidc/token') return grant(new URLSearchParams(await bodyOf(request)), reply)
    if (pathname === '/oidc/revoke') {
      asked.push('revoke')
      live.delete(new URLSearchParams(await bodyOf(request)).get('token') ?? '')
      return void reply.writeHead(200).end()
    }
    if (pathname === '/oidc/auth') {
      const code = randomUUID()
      codes.set(code, searchParams.get('nonce') ?? '')
      const back = new URL(searchParams.get('redirect_uri') ?? '')
      back.search = String(new URLSearchParams({ code, state: searchParams.get('state') ?? '', iss: `${url()}/oidc` }))
      faults.callback?.(back)
      return void reply.writeHead(302, { location: back.href }).end()
    }
    const document = documents()[pathname]
    return document === undefined ? send(reply, 404, {}) : send(reply, 200, document)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: url(),
    asked,
    async press(address) {
      const redirect = await fetch(address, { redirect: 'manual' })
      const callback = redirect.headers.get('location') ?? ''
      const reply = await fetch(callback, { redirect: 'manual' })
      const location = reply.headers.get('location')
      // As a browser does, whoever waits for it.
      const lastPage = fetch(new URL(location ?? '/', callback)).then((page) => page.text())
      lastPage.catch(() => undefined)
      return { status: reply.status, lastPage }
    },
    become(wanted) {
      faults = wanted
    },
    endAll: () => live.clear(),
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export function send(reply: ServerResponse, status: number, body: unknown): void {
  reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += chunk
  return text
}
