import type { HttpSend } from '../api/client.ts'
import { AppError } from '../base/app-error.ts'

const timeoutMs = 45_000

/** Sends over HTTPS with got; in clear only to this machine itself. */
export const httpSend: HttpSend = async ({ method, url, headers, body }) => {
  demandSafe(url)
  const { default: got, RequestError } = await import('got')
  try {
    const reply = await got(url, {
      method: method as 'GET',
      headers: { ...headers },
      ...(body === undefined ? {} : { body }),
      throwHttpErrors: false,
      followRedirect: false,
      retry: { limit: 0 },
      timeout: { request: timeoutMs, connect: 5_000 },
    })
    return { status: reply.statusCode, body: reply.body }
  } catch (error) {
    if (!(error instanceof RequestError)) throw error
    throw unreachable(url, error)
  }
}

/** @throws AppError `USAGE` for an address that would send a token in clear over a network */
export function demandSafe(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  const isLoopback = parsed !== undefined && ['127.0.0.1', 'localhost', '[::1]'].includes(parsed.hostname)
  if (parsed?.protocol === 'https:' || (parsed?.protocol === 'http:' && isLoopback)) return parsed
  throw new AppError('USAGE', `Cannot use server address "${url}": it must begin with https://`, {
    hint: 'Plain http is for a server on this machine only',
  })
}

function unreachable(url: string, error: Error & { readonly code?: string }): AppError {
  const why: Record<string, string> = {
    ECONNREFUSED: 'nothing listens there',
    ENOTFOUND: 'the name is not known',
    EAI_AGAIN: 'the name cannot be looked up now',
    ETIMEDOUT: 'it did not answer in time',
    DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
    CERT_HAS_EXPIRED: 'its certificate has expired',
  }
  const host = new URL(url).host
  return new AppError(
    'SERVER_UNREACHABLE',
    `Cannot reach the hoop server at ${host}: ${why[error.code ?? ''] ?? error.message}`,
    {
      cause: error,
      hint: 'Check the address and the network (VPN?), then try again',
      ran: 'nothing',
    },
  )
}
