import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { Problem } from '../../api/problem.ts'
import type { Route } from '../../api/route.ts'
import type { Me } from '../../api/server.ts'
import { AppError, type ErrorCode } from '../../base/app-error.ts'
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

/** Registers one route of the contract: authentication, then validation, then the handler, then the reply's own check. */
export function registerRoute<R extends Route>(
  app: FastifyInstance,
  context: ServerContext,
  route: { readonly route: R; readonly handle: (input: RouteInput<R>) => Promise<z.input<R['reply']>> },
): void {
  const { method, path } = route.route
  app.route({
    method,
    url: path,
    async handler(request, reply) {
      try {
        const input = await readInput(context, route.route, request)
        return route.route.reply.parse(await route.handle(input))
      } catch (error) {
        return sendProblem(context, reply, error)
      }
    },
  })
}

async function readInput<R extends Route>(
  context: ServerContext,
  route: R,
  request: FastifyRequest,
): Promise<RouteInput<R>> {
  const header = request.headers.authorization ?? ''
  const caller = route.auth === 'bearer' ? await authenticate(context, header) : undefined
  const session = route.auth === 'stream-key' ? await streamOf(context, header) : undefined
  return {
    params: parse(route.params, request.params),
    query: parse(route.query, request.query),
    body: parse(route.body, route.method === 'GET' ? {} : (request.body ?? {})),
    caller,
    session,
  } as RouteInput<R>
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

/** HTTP status by code; the code itself is what clients act on. */
const statuses: Partial<Record<ErrorCode, number>> = {
  UNEXPECTED: 500,
  LOGIN_REQUIRED: 401,
  LOGIN_EXPIRED: 401,
  LOGIN_FAILED: 401,
  CONNECTION_NOT_GRANTED: 403,
  ACTION_NOT_GRANTED: 403,
  NOT_FOUND: 404,
  DATABASE_UNREACHABLE: 502,
  STREAM_CONFLICT: 409,
  STREAM_GAP: 412,
}

function sendProblem(context: ServerContext, reply: FastifyReply, error: unknown): FastifyReply {
  const known = error instanceof AppError ? error : undefined
  if (!known) context.log.error('request failed', { error })
  const { hint, rule, request } = known?.details ?? {}
  const body: Problem = {
    error: {
      code: known?.code ?? 'UNEXPECTED',
      message: known?.message ?? 'Cannot answer: something unexpected happened in the server',
      ...(hint ? { hint } : {}),
      ...(rule ? { rule } : {}),
      ...(request ? { request } : {}),
    },
  }
  return reply.status(known ? (statuses[known.code] ?? 400) : 500).send(body)
}

/** @throws AppError `ACTION_NOT_GRANTED` unless the caller has one of the roles */
export function demandRole(caller: Me, ...wanted: readonly Me['roles'][number][]): void {
  if (caller.roles.some((role) => wanted.includes(role))) return
  throw new AppError('ACTION_NOT_GRANTED', `Cannot do this: it takes the role ${wanted.join(' or ')}`, {
    hint: 'Roles come with groups: ask whoever runs the hoop server',
  })
}
