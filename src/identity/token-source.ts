import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/ports.ts'
import type { Context } from './contexts.ts'
import { type Credential, credentialOf } from './credential.ts'
import { type CredentialStore, credentialLock } from './credential-store.ts'
import { withFileLock } from './file-lock.ts'
import { discoverIssuer, isNetworkFailure, issuerFailure } from './issuer.ts'
import type { Paths } from './paths.ts'

/** Access tokens of a context, fresh when they are asked for. */
export interface TokenSource {
  /** @throws AppError `LOGIN_REQUIRED`, `LOGIN_EXPIRED`, `KEYCHAIN_UNAVAILABLE` or `SERVER_UNREACHABLE` */
  accessToken(): Promise<string>
  /** The same as the value of an Authorization header. */
  authorize(): Promise<string>
}

export interface TokenSourcePorts {
  readonly paths: Paths
  readonly name: string
  readonly context: Context
  readonly store: CredentialStore
  readonly clock: Clock
}

/** Part of its life after which a token is renewed. */
const usedUpAt = 0.8

export function createTokenSource(ports: TokenSourcePorts): TokenSource {
  const freshness = watchFreshness(ports.clock)
  let renewing: Promise<Credential> | null = null
  const accessToken = async (): Promise<string> => {
    const credential = await stored(ports)
    if (freshness.isFresh(credential)) return credential.accessToken
    renewing ??= renewOnce(ports, freshness).finally(() => {
      renewing = null
    })
    return (await renewing).accessToken
  }
  return { accessToken, authorize: async () => `Bearer ${await accessToken()}` }
}

interface Freshness {
  isFresh(credential: Credential): boolean
}

/**
 * Whether a token has enough of its life left. The wall clock is read once per token, when it is first seen here; from then on
 * the stop watch counts, so that a clock that is set meanwhile changes nothing.
 */
function watchFreshness(clock: Clock): Freshness {
  let seen: { readonly accessToken: string; readonly staleAtMonotonicMs: number } | undefined
  return {
    isFresh({ accessToken, accessObtainedAtMs, accessEndsAtMs }) {
      if (seen?.accessToken !== accessToken) {
        const usableMs = (accessEndsAtMs - accessObtainedAtMs) * usedUpAt
        const ageMs = clock.nowMs() - accessObtainedAtMs
        // From the future: the clock was set back since, and nothing can be said about its age.
        const leftMs = ageMs < 0 ? 0 : usableMs - ageMs
        seen = { accessToken, staleAtMonotonicMs: clock.monotonicMs() + leftMs }
      }
      return clock.monotonicMs() < seen.staleAtMonotonicMs
    },
  }
}

/** One renewal among all processes: whoever comes second finds the new tokens of whoever came first. */
async function renewOnce(ports: TokenSourcePorts, freshness: Freshness): Promise<Credential> {
  return withFileLock(credentialLock(ports.paths, ports.name), async () => {
    const credential = await stored(ports)
    if (freshness.isFresh(credential)) return credential
    const renewed = await renew(ports, credential)
    if (renewed !== null) {
      await ports.store.write(renewed)
      return renewed
    }
    // Refused. Somebody who does not know our lock may have signed in meanwhile: then their tokens count.
    const now = await stored(ports)
    if (now.refreshToken !== credential.refreshToken && freshness.isFresh(now)) return now
    throw expired()
  })
}

/** Null when the issuer does not take the refresh token any more. */
async function renew({ context, clock }: TokenSourcePorts, credential: Credential): Promise<Credential | null> {
  const oidc = await import('openid-client')
  try {
    const config = await discoverIssuer(context)
    const tokens = await oidc.refreshTokenGrant(config, credential.refreshToken, { resource: context.audience })
    return credentialOf(tokens, clock, credential)
  } catch (error) {
    if (error instanceof oidc.ResponseBodyError && error.error === 'invalid_grant') return null
    if (isNetworkFailure(error)) throw issuerFailure(context.issuer, error)
    if (error instanceof AppError && error.code !== 'LOGIN_FAILED') throw error
    // An error page of a proxy, a server being restarted: nothing that ends a sign-in.
    throw new AppError('SERVER_UNREACHABLE', 'Cannot renew your sign-in: the server does not answer as it should', {
      cause: error,
      hint: 'Try again in a moment, then: hoop login',
      ran: 'nothing',
    })
  }
}

async function stored({ store }: TokenSourcePorts): Promise<Credential> {
  const credential = await store.read()
  if (credential) return credential
  throw new AppError('LOGIN_REQUIRED', 'Cannot go on: you are not signed in', { hint: 'hoop login', ran: 'nothing' })
}

function expired(): AppError {
  return new AppError('LOGIN_EXPIRED', 'Cannot go on: your sign-in has expired', { hint: 'hoop login', ran: 'nothing' })
}
