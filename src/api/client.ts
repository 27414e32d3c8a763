import type { z } from 'zod'
import { AppError } from '../base/app-error.ts'
import { problem } from './problem.ts'
import type { Route } from './route.ts'

/** One HTTP exchange, as the transport below the client sees it. */
export interface HttpRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** JSON text; absent when the method carries none. */
  readonly body?: string
}

export interface HttpReply {
  readonly status: number
  readonly body: string
}

/** Sends one request. Rejects with `SERVER_UNREACHABLE` when no reply came; any status is a reply. */
export type HttpSend = (request: HttpRequest) => Promise<HttpReply>

/** Gives the value of the Authorization header, fresh for every call; undefined where none is needed. */
export type Authorize = () => Promise<string | undefined>

/** What a call may carry: only the parts its route declares. */
export interface CallInput<R extends Route> {
  readonly params?: z.input<R['params']>
  readonly query?: z.input<R['query']>
  readonly body?: z.input<R['body']>
}

/** Calls routes of one server. */
export interface ApiClient {
  /**
   * @throws AppError with the server's own code, or `SERVER_UNREACHABLE`, or `SERVER_MISTRUSTED` when the reply is not
   * of the route's shape
   */
  call<R extends Route>(route: R, input?: CallInput<R>): Promise<z.output<R['reply']>>
}

/** A client of the server at `baseUrl` (no trailing slash). */
export function createApiClient(baseUrl: string, send: HttpSend, authorize: Authorize): ApiClient {
  return {
    async call(route, input = {}) {
      const authorization = route.auth === 'none' ? undefined : await authorize()
      const headers: Record<string, string> = { accept: 'application/json' }
      if (authorization !== undefined) headers['authorization'] = authorization
      const request = {
        method: route.method,
        url: baseUrl + pathOf(route, input.params) + queryOf(input.query),
        headers,
      }
      const reply = await send(
        route.method === 'GET'
          ? request
          : {
              ...request,
              headers: { ...headers, 'content-type': 'application/json' },
              body: JSON.stringify(input.body ?? {}),
            },
      )
      return readReply(route, reply)
    },
  }
}

function pathOf(route: Route, params: unknown): string {
  const values = (params ?? {}) as Readonly<Record<string, string>>
  return route.path.replace(/:(\w+)/g, (_whole, name: string) => encodeURIComponent(values[name] ?? ''))
}

function queryOf(query: unknown): string {
  const pairs = Object.entries((query ?? {}) as Readonly<Record<string, unknown>>).filter(
    ([, value]) => value !== undefined,
  )
  return pairs.length === 0
    ? ''
    : `?${new URLSearchParams(pairs.map(([key, value]): [string, string] => [key, String(value)]))}`
}

function readReply<R extends Route>(route: R, reply: HttpReply): z.output<R['reply']> {
  const body = readJson(reply)
  if (reply.status === 200) {
    const parsed = route.reply.safeParse(body)
    if (parsed.success) return parsed.data as z.output<R['reply']>
    throw new AppError('SERVER_MISTRUSTED', `Cannot read the reply of ${route.method} ${route.path}`, {
      cause: parsed.error,
      hint: 'Client and server may be of different versions: compare hoop --version with the server',
    })
  }
  // A proxy in front of the server speaks for it: it is not there.
  if ([502, 503, 504].includes(reply.status) && body === undefined) {
    throw new AppError(
      'SERVER_UNREACHABLE',
      `Cannot reach the hoop server: a proxy in front of it answers ${reply.status}`,
    )
  }
  const refused = problem.safeParse(body)
  if (!refused.success) {
    throw new AppError(
      'SERVER_MISTRUSTED',
      `Cannot read the reply of ${route.method} ${route.path}: status ${reply.status}`,
    )
  }
  const { code, message, ...details } = refused.data.error
  throw new AppError(code, message, details as Record<string, string>)
}

function readJson(reply: HttpReply): unknown {
  try {
    return JSON.parse(reply.body)
  } catch {
    // Not JSON is no better than JSON of the wrong shape, and is reported as that.
    return undefined
  }
}
