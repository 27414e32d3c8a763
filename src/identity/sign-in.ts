import { createApiClient } from '../api/client.ts'
import { type Discovery, getDiscovery, getMe, type Me } from '../api/server.ts'
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/ports.ts'
import { listenForCallback } from './callback-listener.ts'
import type { Credential } from './credential-store.ts'
import { demandSafe, httpSend } from './http-send.ts'

/** What signing in gave. */
export interface SignedIn {
  readonly server: string
  readonly discovery: Discovery
  readonly me: Me
  readonly credential: Credential
}

export interface SignInOptions {
  readonly server: string
  readonly clock: Clock
  /** Key pinned at an earlier login to this server; another one now is not trusted. */
  readonly pinnedKey?: Readonly<Record<string, string>> | undefined
  /** Shows the address, and opens a browser with it where that is wanted. Must not reject. */
  readonly present: (url: string, redirectUri: string) => Promise<void>
  readonly signal?: AbortSignal
}

const waitMs = 5 * 60_000
const shiftMs = 12 * 3_600_000
const idTokenToleranceS = 60

/** Authorization code with PKCE over a loopback redirect (RFC 6749, 7636, 8252). @throws AppError */
export async function signIn(options: SignInOptions): Promise<SignedIn> {
  const server = demandSafe(options.server).href.replace(/\/$/, '')
  const discovery = await createApiClient(server, httpSend, async () => undefined).call(getDiscovery)
  demandPinned(server, discovery, options.pinnedKey)
  const oidc = await import('openid-client')
  const issuer = demandSafe(discovery.issuer)
  const config = await oidc
    .discovery(
      issuer,
      discovery.clientId,
      { id_token_signed_response_alg: 'ES256', [oidc.clockTolerance]: idTokenToleranceS },
      oidc.None(),
      {
        execute: issuer.protocol === 'http:' ? [oidc.allowInsecureRequests] : [],
      },
    )
    .catch((error: unknown) => {
      throw failed('the sign-in service does not answer as it should', error)
    })
  const verifier = oidc.randomPKCECodeVerifier()
  const [state, nonce] = [oidc.randomState(), oidc.randomNonce()]
  const listener = await listenForCallback(state, waitMs)
  try {
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: listener.redirectUri,
      scope: 'openid api',
      resource: discovery.audience,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
      // Always asked who it is: a browser that somebody else used must not decide that.
      prompt: 'login consent',
    })
    await options.present(url.href, listener.redirectUri)
    const came = await Promise.race([listener.arrived, aborted(options.signal)])
    const tokens = await oidc
      .authorizationCodeGrant(
        config,
        came,
        { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true },
        { resource: discovery.audience },
      )
      .catch((error: unknown) => {
        throw failed(reasonOf(error), error)
      })
    const credential = credentialOf(tokens, options.clock)
    const me = await createApiClient(server, httpSend, async () => `Bearer ${credential.accessToken}`).call(getMe)
    return { server, discovery, me, credential }
  } finally {
    listener.close()
  }
}

/** The tokens of a reply, with the times they end. @throws AppError `LOGIN_FAILED` when one is missing */
export function credentialOf(
  tokens: { readonly access_token?: string; readonly refresh_token?: string; readonly expires_in?: number },
  clock: Clock,
  before?: Credential,
): Credential {
  const refreshToken = tokens.refresh_token ?? before?.refreshToken
  if (!tokens.access_token || !refreshToken) throw failed('the sign-in service gave no tokens')
  const nowMs = clock.nowMs()
  return {
    refreshToken,
    accessToken: tokens.access_token,
    accessEndsAtMs: nowMs + (tokens.expires_in ?? 300) * 1_000,
    endsAtMs: before?.endsAtMs ?? nowMs + shiftMs,
  }
}

function demandPinned(
  server: string,
  discovery: Discovery,
  pinned: Readonly<Record<string, string>> | undefined,
): void {
  if (!pinned || pinned['x'] === discovery.signingKey['x']) return
  throw new AppError('SERVER_MISTRUSTED', `Cannot trust ${server}: it signs with another key than before`, {
    hint: 'If it was set up anew, remove what is known of it first: hoop context rm NAME',
  })
}

function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(new AppError('LOGIN_FAILED', 'Cannot sign in: it was cancelled')), {
      once: true,
    })
  })
}

function failed(why: string, cause?: unknown): AppError {
  return new AppError('LOGIN_FAILED', `Cannot sign in: ${why}`, {
    cause,
    hint: 'Try again: hoop login',
    ran: 'nothing',
  })
}

/** What the issuer itself said, where it said something. */
function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'the answer could not be used'
  const said = 'error_description' in error ? error.error_description : 'error' in error ? error.error : undefined
  return typeof said === 'string' ? said : error instanceof Error ? error.message : 'the answer could not be used'
}
