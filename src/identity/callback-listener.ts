import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AppError } from '../base/app-error.ts'

/**
 * Waits on a loopback port for the one redirect that ends a sign-in (RFC 8252 §7.3). Anything on this machine and any page in
 * the browser can send requests here: a wrong one gets 400, and the wait goes on.
 */
export interface CallbackListener {
  readonly redirectUri: string
  /** The full address the browser came back to. Rejects with `LOGIN_FAILED` when the time is over. */
  readonly arrived: Promise<URL>
  close(): void
}

const maxSockets = 16

export async function listenForCallback(state: string, timeoutMs: number): Promise<CallbackListener> {
  let settle: { resolve(url: URL): void; reject(error: Error): void } | undefined
  const arrived = new Promise<URL>((resolve, reject) => {
    settle = { resolve, reject }
  })
  // Not awaited while the browser is being opened; whoever awaits it later still gets the error.
  arrived.catch(() => undefined)
  const server = createServer((request, reply) => {
    const host = `127.0.0.1:${(server.address() as AddressInfo | null)?.port}`
    const url = readCallback(request, { host, state })
    if (url === 'done')
      return sendPage(reply, 200, 'You are signed in. You can close this page and return to your terminal.')
    if (!url) return sendPage(reply, 400, 'This address is only for the sign-in that your terminal has started.')
    // Off the address bar: the code is used up, but nobody needs to see it.
    reply.writeHead(303, { ...headers, location: '/done' }).end()
    settle?.resolve(url)
  })
  server.maxConnections = maxSockets
  server.requestTimeout = 10_000
  server.headersTimeout = 10_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const limit = setTimeout(() => {
    settle?.reject(
      new AppError('LOGIN_FAILED', 'Cannot sign in: nobody came back from the browser in time', { hint: 'hoop login' }),
    )
  }, timeoutMs)
  const { port } = server.address() as AddressInfo
  return {
    redirectUri: `http://127.0.0.1:${port}/callback`,
    arrived,
    close() {
      clearTimeout(limit)
      // The page after the redirect may still be on its way.
      setTimeout(() => server.closeAllConnections(), 300).unref()
      server.close()
    },
  }
}

/** The address of a true callback, `done` for the page after it, undefined for anything else. */
function readCallback(request: IncomingMessage, wanted: { host: string; state: string }): URL | 'done' | undefined {
  const destination = request.headers['sec-fetch-dest']
  const isDocument = destination === undefined || destination === 'document'
  if (request.method !== 'GET' || request.headers.host !== wanted.host || !isDocument) return undefined
  const url = new URL(request.url ?? '/', `http://${wanted.host}`)
  if (url.pathname === '/done') return 'done'
  const states = url.searchParams.getAll('state')
  if (url.pathname !== '/callback' || states.length !== 1 || !isSame(states[0] ?? '', wanted.state)) return undefined
  return url
}

function isSame(given: string, wanted: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(given), hash(wanted))
}

const css =
  'body{font:16px/1.5 system-ui,sans-serif;display:grid;place-items:center;min-height:100vh;margin:0;color-scheme:light dark}'
const cssHash = createHash('sha256').update(css).digest('base64')
const headers = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${cssHash}'; frame-ancestors 'none'`,
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

function sendPage(reply: ServerResponse, status: number, text: string): void {
  reply
    .writeHead(status, { ...headers, connection: 'close' })
    .end(
      `<!doctype html><html lang="en"><meta charset="utf-8"><title>hoop</title><style>${css}</style><p>${text}</p></html>\n`,
    )
}
