import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { AppError } from '../base/app-error.ts'
import { callbackPage, pageHeaders } from './callback-page.ts'

/**
 * Waits on a loopback port for the one redirect that ends a sign-in (RFC 8252 §7.3). Anything on this machine and any page in
 * the browser can send requests here: a wrong one gets 400, and the wait goes on.
 *
 *     true callback ─▶ 303 to /done ─▶ /done waits for `finish` ─▶ page that names the account, or says that it failed
 */
export interface CallbackListener {
  readonly redirectUri: string
  /** The full address the browser came back to. Rejects with `LOGIN_FAILED` when the time is over. */
  readonly arrived: Promise<URL>
  /** Lets the page after the redirect say how it ended. */
  finish(outcome: string): void
  /** Ends the wait; a page that is about to be fetched is still given out, for a moment. */
  close(): Promise<void>
}

const maxSockets = 16
const lastPageMs = 1_000

interface Wait {
  readonly arrived: Promise<URL>
  arrive(url: URL): void
  giveUp(): void
}

export async function listenForCallback(state: string, timeoutMs: number): Promise<CallbackListener> {
  const wait = waitForUrl()
  const ending = createEnding()
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 10_000, connectionsCheckingInterval: 2_000 },
    (request, reply) => {
      const { port } = server.address() as AddressInfo
      const came = readRequest(request, { host: `127.0.0.1:${port}`, state })
      if (came instanceof URL) {
        ending.expect()
        wait.arrive(came)
        // Off the address bar: the code is used up, but nobody needs to see it.
        reply.writeHead(303, { ...pageHeaders, connection: 'close', location: '/done' }).end()
      } else if (came === 'done' && ending.isExpected) ending.answer(reply)
      else sendPage(reply, 400, 'This address is only for the sign-in that your terminal has started.')
    },
  )
  boundSockets(server)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const limit = setTimeout(wait.giveUp, timeoutMs)
  return {
    redirectUri: `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`,
    arrived: wait.arrived,
    finish: ending.finish,
    async close() {
      clearTimeout(limit)
      await ending.given()
      await new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      })
    },
  }
}

function waitForUrl(): Wait {
  let settle: { resolve(url: URL): void; reject(error: Error): void } | undefined
  const arrived = new Promise<URL>((resolve, reject) => {
    settle = { resolve, reject }
  })
  // Not awaited while the browser is being opened; whoever awaits it later still gets the error.
  arrived.catch(() => undefined)
  return {
    arrived,
    arrive: (url) => settle?.resolve(url),
    giveUp: () =>
      settle?.reject(
        new AppError('LOGIN_FAILED', 'Cannot sign in: nobody came back from the browser in time', {
          hint: 'Try again: hoop login',
          ran: 'nothing',
        }),
      ),
  }
}

/** The page after the redirect: it may be asked for before or after it is known how the sign-in ended. */
function createEnding(): {
  readonly isExpected: boolean
  expect(): void
  answer(reply: ServerResponse): void
  finish(outcome: string): void
  given(): Promise<void>
} {
  let isExpected = false
  let outcome: string | undefined
  let tellGiven: (() => void) | undefined
  const isGiven = new Promise<void>((resolve) => {
    tellGiven = resolve
  })
  const waiting: ServerResponse[] = []
  const give = (reply: ServerResponse, text: string): void => {
    reply.once('close', () => tellGiven?.())
    sendPage(reply, 200, text)
  }
  return {
    get isExpected() {
      return isExpected
    },
    expect() {
      isExpected = true
    },
    answer(reply) {
      if (outcome === undefined) waiting.push(reply)
      else give(reply, outcome)
    },
    finish(text) {
      outcome = text
      for (const reply of waiting.splice(0)) give(reply, text)
    },
    async given() {
      if (!isExpected || outcome === undefined) return
      let limit: NodeJS.Timeout | undefined
      const isLate = new Promise<void>((resolve) => {
        limit = setTimeout(resolve, lastPageMs)
      })
      await Promise.race([isGiven, isLate])
      clearTimeout(limit)
    },
  }
}

/** At most so many at once. The newest is let in and the oldest goes: whoever opens many and says nothing keeps nobody out. */
function boundSockets(server: Server): void {
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    const [oldest] = open
    if (open.size > maxSockets) oldest?.destroy()
  })
}

/** The address of a true callback, `done` for the page after it, null for anything else. */
function readRequest(request: IncomingMessage, wanted: { host: string; state: string }): URL | 'done' | null {
  const destination = request.headers['sec-fetch-dest']
  const isDocument = destination === undefined || destination === 'document'
  if (request.method !== 'GET' || request.headers.host !== wanted.host || !isDocument) return null
  const target = request.url ?? ''
  if (target === '/done') return 'done'
  // Compared as it came: nothing that only becomes this path by being read.
  if (!target.startsWith('/callback?')) return null
  const url = new URL(target, `http://${wanted.host}`)
  const states = url.searchParams.getAll('state')
  return states.length === 1 && isSame(states[0] ?? '', wanted.state) ? url : null
}

function isSame(given: string, wanted: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(given), hash(wanted))
}

function sendPage(reply: ServerResponse, status: number, text: string): void {
  reply.writeHead(status, { ...pageHeaders, connection: 'close' }).end(callbackPage(text))
}
