import { join } from 'node:path'
import { AppError } from '../base/app-error.ts'
import type { Clock } from '../base/ports.ts'
import type { Context } from './contexts.ts'
import type { Credential, CredentialStore } from './credential-store.ts'
import { withFileLock } from './file-lock.ts'
import { demandSafe } from './http-send.ts'
import { makePrivate, type Paths } from './paths.ts'
import { credentialOf } from './sign-in.ts'

/** Access tokens of a context, fresh when they are asked for. */
export interface TokenSource {
  /** @throws AppError `LOGIN_REQUIRED` or `LOGIN_EXPIRED` */
  accessToken(): Promise<string>
}

/** Left of a token's life below which it is not used for another request. */
const reserveMs = 60_000

export interface TokenSourcePorts {
  readonly paths: Paths
  readonly name: string
  readonly context: Context
  readonly store: CredentialStore
  readonly clock: Clock
}

export function createTokenSource(ports: TokenSourcePorts): TokenSource {
  let refreshing: Promise<Credential> | null = null
  return {
    async accessToken() {
      const credential = await stored(ports)
      if (isFresh(credential, ports.clock)) return credential.accessToken
      refreshing ??= refreshOnce(ports).finally(() => {
        refreshing = null
      })
      return (await refreshing).accessToken
    },
  }
}

/** One refresh among all processes: whoever comes second finds the new tokens of whoever came first. */
async function refreshOnce(ports: TokenSourcePorts): Promise<Credential> {
  const lock = join(makePrivate(join(ports.paths.config, 'credentials')), `${ports.name}.lock`)
  return withFileLock(lock, async () => {
    const credential = await stored(ports)
    if (isFresh(credential, ports.clock)) return credential
    if (credential.endsAtMs <= ports.clock.nowMs()) throw expired()
    const renewed = await refresh(ports, credential)
    await ports.store.write(renewed)
    return renewed
  })
}

async function refresh({ context, clock, store }: TokenSourcePorts, credential: Credential): Promise<Credential> {
  const oidc = await import('openid-client')
  const issuer = demandSafe(context.issuer)
  try {
    const config = await oidc.discovery(
      issuer,
      context.clientId,
      { id_token_signed_response_alg: 'ES256' },
      oidc.None(),
      {
        execute: issuer.protocol === 'http:' ? [oidc.allowInsecureRequests] : [],
      },
    )
    const tokens = await oidc.refreshTokenGrant(config, credential.refreshToken, { resource: context.audience })
    return credentialOf(tokens, clock, credential)
  } catch (error) {
    if (!(error instanceof oidc.ResponseBodyError)) throw unreachable(context, error)
    // Somebody may have signed in again meanwhile: then their tokens count.
    const now = await store.read()
    if (now && now.refreshToken !== credential.refreshToken && isFresh(now, clock)) return now
    throw expired(error)
  }
}

async function stored({ store }: TokenSourcePorts): Promise<Credential> {
  const credential = await store.read()
  if (credential) return credential
  throw new AppError('LOGIN_REQUIRED', 'Cannot go on: you are not signed in', { hint: 'hoop login', ran: 'nothing' })
}

function isFresh(credential: Credential, clock: Clock): boolean {
  return credential.accessEndsAtMs - reserveMs > clock.nowMs()
}

function expired(cause?: unknown): AppError {
  return new AppError('LOGIN_EXPIRED', 'Cannot go on: your sign-in has expired', {
    cause,
    hint: 'hoop login',
    ran: 'nothing',
  })
}

function unreachable(context: Context, cause: unknown): AppError {
  return new AppError(
    'SERVER_UNREACHABLE',
    `Cannot renew your sign-in: ${new URL(context.server).host} does not answer`,
    {
      cause,
      hint: 'Check the network (VPN?), then try again',
      ran: 'nothing',
    },
  )
}
