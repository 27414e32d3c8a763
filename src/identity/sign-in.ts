import { createApiClient } from '../api/client.ts'
import { type Discovery, getDiscovery, getMe, type Me } from '../api/server.ts'
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/ports.ts'
import { type CallbackListener, listenForCallback } from './callback-listener.ts'
import { type Credential, credentialOf } from './credential.ts'
import { httpSend, serverAddress } from './http-send.ts'
import { discoverIssuer, issuerFailure } from './issuer.ts'
import { demandPinned, type Pinned } from './pinned.ts'

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
  /** What was seen of this server at an earlier login; something else now is not trusted. */
  readonly pinned?: Pinned | undefined
  /**
   * Shows the address, and opens a browser with it where that is wanted. The sign-in goes on as soon as the browser comes back,
   * and ends when this rejects.
   */
  readonly present: (url: string, redirectUri: string) => Promise<void>
  /** Cancels the wait for the browser. */
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs?: number | undefined
}

const waitMs = 5 * 60_000

/** Authorization code with PKCE over a loopback redirect (RFC 6749, 7636, 8252, 8707, 9207). @throws AppError */
export async function signIn(options: SignInOptions): Promise<SignedIn> {
  const server = serverAddress(options.server)
  const discovery = await orCancelled(options.signal, discoverServer(server))
  demandPinned(server, discovery, options.pinned)
  const oidc = await import('openid-client')
  const config = await orCancelled(options.signal, discoverIssuer(discovery))
  const verifier = oidc.randomPKCECodeVerifier()
  const [state, nonce] = [oidc.randomState(), oidc.randomNonce()]
  const listener = await listenForCallback(state, options.timeoutMs ?? waitMs)
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
    const came = await browserCameBack(options, listener, url.href)
    const tokens = await oidc
      .authorizationCodeGrant(
        config,
        came,
        { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true },
        { resource: discovery.audience },
      )
      .catch((error: unknown) => {
        throw issuerFailure(discovery.issuer, error)
      })
    const credential = credentialOf(tokens, options.clock)
    const me = await createApiClient(server, httpSend, async () => `Bearer ${credential.accessToken}`).call(getMe)
    listener.finish(`Signed in to ${new URL(server).host} as ${me.email}. Return to your terminal.`)
    return { server, discovery, me, credential }
  } catch (error) {
    listener.finish('You are not signed in. Your terminal says why.')
    throw error
  } finally {
    await listener.close()
  }
}

function browserCameBack(options: SignInOptions, listener: CallbackListener, url: string): Promise<URL> {
  const notPresented = new Promise<never>((_resolve, reject) => {
    options.present(url, listener.redirectUri).catch(reject)
  })
  return orCancelled(options.signal, Promise.race([listener.arrived, notPresented]))
}

/** What `work` gives, unless Ctrl-C comes first. */
async function orCancelled<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  if (!signal) return work
  let cancel: (() => void) | undefined
  const cancelled = new Promise<never>((_resolve, reject) => {
    cancel = () => reject(cancellation())
    if (signal.aborted) cancel()
    else signal.addEventListener('abort', cancel, { once: true })
  })
  try {
    return await Promise.race([work, cancelled])
  } finally {
    if (cancel) signal.removeEventListener('abort', cancel)
  }
}

async function discoverServer(server: string): Promise<Discovery> {
  const discovery = await createApiClient(server, httpSend, async () => undefined)
    .call(getDiscovery)
    .catch((error: unknown) => {
      if (!(error instanceof AppError) || error.code !== 'SERVER_MISTRUSTED') throw error
      throw new AppError('SERVER_MISTRUSTED', `Cannot sign in: what answers at ${server} is not a hoop server`, {
        cause: error,
        hint: 'Check the address',
        ran: 'nothing',
      })
    })
  // The token is for the audience and goes to the server: another server's would be given away here (RFC 8707 §2).
  const { origin } = new URL(discovery.audience)
  if (origin === new URL(server).origin) return discovery
  throw new AppError('SERVER_MISTRUSTED', `Cannot sign in: ${server} says that it is ${origin}`, {
    hint: `If that is where you want to go: hoop login ${origin}`,
    ran: 'nothing',
  })
}

function cancellation(): AppError {
  return new AppError('LOGIN_FAILED', 'Cannot sign in: it was cancelled', { hint: 'hoop login', ran: 'nothing' })
}
