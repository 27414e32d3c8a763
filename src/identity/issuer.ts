import type { Configuration } from 'openid-client'
import { AppError } from '../base/app-error.ts'
import { demandSafe, unreachable } from './http-send.ts'

/** What is known of an issuer before it is asked. */
export interface IssuerAddress {
  readonly issuer: string
  readonly clientId: string
}

const limitS = 10
const largestReplyBytes = 1_000_000
const idTokenToleranceS = 60

/**
 * Reads the issuer's own description. Whatever address it names for our use must be https, or this machine.
 * @throws AppError `SERVER_UNREACHABLE` or `LOGIN_FAILED`
 */
export async function discoverIssuer({ issuer, clientId }: IssuerAddress): Promise<Configuration> {
  const oidc = await import('openid-client')
  const address = demandSafe(issuer)
  const config = await oidc
    .discovery(
      address,
      clientId,
      { id_token_signed_response_alg: 'ES256', [oidc.clockTolerance]: idTokenToleranceS },
      oidc.None(),
      {
        timeout: limitS,
        [oidc.customFetch]: fetchWithLimit,
        // The signature too, not only the way it came: in clear on loopback there is no other proof.
        execute: [
          oidc.enableNonRepudiationChecks,
          ...(address.protocol === 'http:' ? [oidc.allowInsecureRequests] : []),
        ],
      },
    )
    .catch((error: unknown) => {
      throw issuerFailure(issuer, error)
    })
  const { authorization_endpoint, token_endpoint, jwks_uri, revocation_endpoint } = config.serverMetadata()
  for (const endpoint of [authorization_endpoint, token_endpoint, jwks_uri, revocation_endpoint]) {
    if (endpoint !== undefined && !isSafe(endpoint)) throw loginFailed(`the sign-in service names "${endpoint}"`)
  }
  return config
}

/** What a failed exchange with the issuer means: nobody there, or an answer that must not be used. */
export function issuerFailure(issuer: string, error: unknown): AppError {
  if (error instanceof AppError) return error
  return isNetworkFailure(error) ? unreachable(issuer, networkCauseOf(error)) : loginFailed(reasonOf(error), error)
}

/** True when no usable reply came at all; what came may be as before next time. */
export function isNetworkFailure(error: unknown): boolean {
  const name = error instanceof Error ? error.name : ''
  const cause = error instanceof Error ? error.cause : undefined
  return (
    name === 'TimeoutError' ||
    name === 'AbortError' ||
    (error instanceof TypeError && error.message === 'fetch failed') ||
    (cause !== undefined && cause !== error && isNetworkFailure(cause))
  )
}

export function loginFailed(why: string, cause?: unknown): AppError {
  return new AppError('LOGIN_FAILED', `Cannot sign in: ${why}`, {
    cause,
    hint: 'Try again: hoop login',
    ran: 'nothing',
  })
}

function networkCauseOf(error: unknown): Error {
  if (!(error instanceof Error)) return loginFailed('the network failed')
  return error.cause instanceof Error ? networkCauseOf(error.cause) : error
}

/** What the issuer itself said, where it said something. */
function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'the answer could not be used'
  const said = 'error_description' in error ? error.error_description : 'error' in error ? error.error : undefined
  if (typeof said === 'string') return said
  return error instanceof Error ? `the sign-in service does not answer as it should (${error.message})` : 'unknown'
}

function isSafe(url: string): boolean {
  try {
    demandSafe(url)
    return true
  } catch {
    // The caller says whose address it is.
    return false
  }
}

/** `fetch` that reads no more than a sign-in can need. */
async function fetchWithLimit(url: string, init: object): Promise<Response> {
  const reply = await fetch(url, init as RequestInit)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of reply.body ?? []) {
    size += chunk.byteLength
    if (size > largestReplyBytes) throw loginFailed('the sign-in service answers with more than can be right')
    chunks.push(chunk)
  }
  const isBodyless = [204, 205, 304].includes(reply.status)
  const { status, statusText, headers } = reply
  return new Response(isBodyless ? null : Buffer.concat(chunks), { status, statusText, headers })
}
