import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { Route, RouteAuth } from '../../api/route.ts'
import type { Me } from '../../api/server.ts'
import { AppError } from '../../base/app-error.ts'
import { authenticate } from '../auth/access-token.ts'
import type { ServerContext } from '../context.ts'
import type { StoredSession } from '../sessions/session-store.ts'

/** What a handler gets: parts that have been checked against the route, and whoever is calling. */
export interface RouteInput<R extends Route> {
  readonly params: z.output<R['params']>
  readonly query: z.output<R['query']>
  readonly body: z.output<R['body']>
  readonly caller: R['auth'] extends 'bearer' ? Me : undefined
  readonly session: R['auth'] extends 'stream-key' ? StoredSession : undefined
}

/**
 * Registers one route of the contract: authentication before a byte of the body is read, then validation, then the handler, then
 * the reply's own check. What any of them throws is answered by the app's error handler.
 */
export function registerRoute<R extends Route>(
  app: FastifyInstance,
  context: ServerContext,
  route: { readonly route: R; readonly handle: (input: RouteInput<R>) => Promise<z.input<R['reply']>> },
): void {
  const { method, path, auth, params, query, body, reply } = route.route
  const asking = new WeakMap<FastifyRequest, Asking>()
  app.route({
    method,
    url: path,
    async onRequest(request) {
      asking.set(request, await whoAsks(context, auth, request.headers.authorization ?? ''))
    },
    async handler(request) {
      const input = {
        params: parse(params, request.params),
        query: parse(query, request.query),
        body: parse(body, method === 'GET' ? {} : (request.body ?? {})),
        ...asking.get(request),
      } as RouteInput<R>
      return reply.parse(await route.handle(input))
    },
  })
}

interface Asking {
  readonly caller: Me | undefined
  readonly session: StoredSession | undefined
}

async function whoAsks(context: ServerContext, auth: RouteAuth, header: string): Promise<Asking> {
  switch (auth) {
    case 'none':
      return { caller: undefined, session: undefined }
    case 'bearer':
      return { caller: await authenticate(context, header), session: undefined }
    case 'stream-key':
      return { caller: undefined, session: await streamOf(context, header) }
    default:
      return auth satisfies never
  }
}

async function streamOf(context: ServerContext, header: string): Promise<StoredSession> {
  const key = /^Stream ([A-Za-z0-9_-]{20,100})$/.exec(header)?.[1]
  const session = key ? await context.sessions.findByKey(key) : undefined
  if (session) return session
  throw new AppError('LOGIN_REQUIRED', 'Cannot accept this: the stream key is not known')
}

function parse<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const why = parsed.error.issues
    .slice(0, 5)
    .map(({ path, message }) => `${path.map(String).join('.') || 'request'}: ${message}`)
  throw new AppError('USAGE', `Cannot accept this: ${why.join('; ')}`)
}

/** @throws AppError `ACTION_NOT_GRANTED` unless the caller has one of the roles */
export function demandRole(caller: Me, ...wanted: readonly Me['roles'][number][]): void {
  if (caller.roles.some((role) => wanted.includes(role))) return
  throw new AppError('ACTION_NOT_GRANTED', `Cannot do this: it takes the role ${wanted.join(' or ')}`, {
    hint: 'Roles come with groups: ask whoever runs the hoop server',
  })
}
