import type { FastifyReply } from 'fastify'
import type { Problem } from '../../api/problem.ts'
import { AppError, type ErrorCode } from '../../base/app-error.ts'
import type { Log } from '../../base/ports.ts'

/** HTTP status by code; the code itself is what clients act on. */
const statuses: Partial<Record<ErrorCode, number>> = {
  LOGIN_REQUIRED: 401,
  LOGIN_EXPIRED: 401,
  LOGIN_FAILED: 401,
  CONNECTION_NOT_GRANTED: 403,
  ACTION_NOT_GRANTED: 403,
  NOT_FOUND: 404,
  STREAM_CONFLICT: 409,
  STREAM_GAP: 412,
  DATABASE_UNREACHABLE: 502,
}

/** The server's own troubles: whoever runs it reads them in its log, a client learns only that there are some. */
const ownTroubles: ReadonlySet<ErrorCode> = new Set(['UNEXPECTED', 'CONFIG_INVALID', 'LOCAL_STATE'])

/** Answers with the body that every client can turn back into the error. */
export function sendProblem(log: Log, reply: FastifyReply, error: unknown): FastifyReply {
  if (error instanceof AppError && !ownTroubles.has(error.code)) {
    return reply.status(statuses[error.code] ?? 400).send(bodyOf(error))
  }
  const known = fastifyProblem(error)
  if (known) return reply.status(known.status).send(bodyOf(known.error))
  log.error('request failed', { error })
  const hidden = new AppError('UNEXPECTED', 'Cannot answer: something unexpected happened in the server')
  return reply.status(500).send(bodyOf(hidden))
}

function bodyOf({ code, message, details }: AppError): Problem {
  const { hint, rule, request } = details
  return {
    error: { code, message, ...(hint ? { hint } : {}), ...(rule ? { rule } : {}), ...(request ? { request } : {}) },
  }
}

/** What Fastify itself refuses before a route is asked. */
function fastifyProblem(error: unknown): { readonly status: number; readonly error: AppError } | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined
  switch (error.statusCode) {
    case 400:
      return { status: 400, error: new AppError('USAGE', 'Cannot accept this: the request is not well formed') }
    case 413:
      return { status: 413, error: new AppError('USAGE', 'Cannot accept this: it is too large') }
    case 415:
      return { status: 415, error: new AppError('USAGE', 'Cannot accept this: the body is not JSON') }
    case 429:
      // A client waits and tries again, as it does with a server that does not answer.
      return {
        status: 429,
        error: new AppError('SERVER_UNREACHABLE', 'Cannot answer: too many requests came from this address', {
          hint: 'Wait a minute, then try again',
        }),
      }
    default:
      return undefined
  }
}
