import type { HttpSend } from '../api/client.ts'
import { AppError } from '../base/app-error.ts'

const timeoutMs = 45_000
/** More than any reply of a server of ours. */
const largestReplyBytes = 64 * 1_048_576

/** Sends over HTTPS with got; in clear only to this machine itself. */
export const httpSend: HttpSend = async ({ method, url, headers, body }) => {
  demandSafe(url)
  const { default: got, RequestError } = await import('got')
  const limit = new AbortController()
  try {
    const reply = await got(url, {
      method: method as 'GET',
      headers: { ...headers },
      ...(body === undefined ? {} : { body }),
      throwHttpErrors: false,
      followRedirect: false,
      retry: { limit: 0 },
      timeout: { request: timeoutMs, connect: 5_000 },
      signal: limit.signal,
    }).on('downloadProgress', ({ transferred }) => {
      if (transferred > largestReplyBytes) limit.abort()
    })
    return { status: reply.statusCode, body: reply.body }
  } catch (error) {
    if (!(error instanceof RequestError)) throw error
    if (limit.signal.aborted) {
      throw new AppError('SERVER_MISTRUSTED', `Cannot read the reply of ${new URL(url).host}: it does not end`)
    }
    throw unreachable(url, error)
  }
}

/** @throws AppError `USAGE` for an address that would send a token in clear over a network */
export function demandSafe(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  const isLoopback = parsed !== undefined && ['127.0.0.1', 'localhost', '[::1]'].includes(parsed.hostname)
  if (parsed?.protocol === 'https:' || (parsed?.protocol === 'http:' && isLoopback)) return parsed
  const guess = `https://${url.replace(/^http:\/\//i, '')}`
  throw new AppError('USAGE', `Cannot use server address "${url}": it must begin with https://`, {
    hint:
      URL.canParse(guess) && !url.includes(' ')
        ? `Did you mean ${guess}?`
        : 'Plain http is for a server on this machine only',
  })
}

/** The one way to write the address of a server, so that two ways do not count as two servers. @throws AppError `USAGE` */
export function serverAddress(text: string): string {
  const url = demandSafe(text.trim())
  if (url.username || url.password || url.search || url.hash) {
    // Not repeated: what stands there may be a password.
    throw new AppError('USAGE', `Cannot use that address of ${url.host}: a server has no user, query or fragment`, {
      hint: `hoop login ${url.protocol}//${url.host}`,
    })
  }
  return url.href.replace(/\/+$/, '')
}

/** That nobody answered at `url`, and why, in words. */
export function unreachable(url: string, error: Error & { readonly code?: unknown }): AppError {
  const why: Record<string, string> = {
    ECONNREFUSED: 'nothing listens there',
    ECONNRESET: 'it ended the connection',
    ENOTFOUND: 'the name is not known',
    EAI_AGAIN: 'the name cannot be looked up now',
    ETIMEDOUT: 'it did not answer in time',
    DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
    CERT_HAS_EXPIRED: 'its certificate has expired',
  }
  const host = new URL(url).host
  return new AppError(
    'SERVER_UNREACHABLE',
    `Cannot reach the hoop server at ${host}: ${why[String(error.code)] ?? error.message}`,
    {
      cause: error,
      hint: 'Check the address and the network (VPN?), then try again',
      ran: 'nothing',
    },
  )
}
