import type { FastifyInstance } from 'fastify'
import {
  closeSession,
  getSessionBundle,
  heartbeatSession,
  listSessions,
  openSession,
  type SessionSummary,
  stopSession,
} from '../../api/session.ts'
import { AppError } from '../../base/app-error.ts'
import type { ServerContext } from '../context.ts'
import { registerRoute } from '../http/register-route.ts'
import { endSession, standingOf } from './end-session.ts'
import { open } from './open-session.ts'
import type { StoredSession } from './session-store.ts'
import { whyNoLonger } from './still-granted.ts'

export function registerSessions(app: FastifyInstance, context: ServerContext): void {
  registerForPeople(app, context)
  registerForProxies(app, context)
}

function registerForPeople(app: FastifyInstance, context: ServerContext): void {
  registerRoute(app, context, { route: openSession, handle: ({ body, caller }) => open(context, body, caller) })

  registerRoute(app, context, {
    route: listSessions,
    async handle({ query, caller }) {
      const own = caller.roles.includes('admin') ? {} : { sub: caller.sub }
      const sessions = await context.sessions.list({ ...own, ...(query.state ? { state: query.state } : {}) })
      return { sessions: sessions.map(summaryOf) }
    },
  })

  registerRoute(app, context, {
    route: stopSession,
    async handle({ params, body, caller }) {
      const session = await context.sessions.find(params.id)
      if (!session || (session.sub !== caller.sub && !caller.roles.includes('admin'))) {
        throw new AppError('NOT_FOUND', `Cannot stop session "${params.id}": there is none of yours`, {
          hint: 'hoop sessions ls shows yours',
        })
      }
      await endSession(context, session, `${caller.email} stopped it${body.reason ? `: ${body.reason}` : ''}`)
      return {}
    },
  })
}

/** For whoever holds the stream key: the proxy of the session. */
function registerForProxies(app: FastifyInstance, context: ServerContext): void {
  registerRoute(app, context, {
    route: heartbeatSession,
    async handle({ params, session }) {
      const own = demandOwn(session, params.id)
      const { version, compiled } = await context.policies.current()
      const policyDigest = version.digest
      const { state, why } = await standingOf(context, own)
      if (state === 'ended') return { state, why, policyDigest }
      const whyEnded = await whyNoLonger(context, own, compiled)
      if (whyEnded !== '') {
        await endSession(context, own, whyEnded)
        return { state: 'ended' as const, why: whyEnded, policyDigest }
      }
      await context.sessions.seen(own.id)
      return { state, why, policyDigest }
    },
  })

  registerRoute(app, context, {
    route: getSessionBundle,
    async handle({ params, session }) {
      const { state, why } = await standingOf(context, demandOwn(session, params.id))
      if (state === 'live') return { bundle: await context.policies.bundle() }
      throw new AppError('STATEMENT_STOPPED', `Cannot give the policy: the session is over (${why})`)
    },
  })

  registerRoute(app, context, {
    route: closeSession,
    async handle({ params, session }) {
      await endSession(context, demandOwn(session, params.id), 'it was closed')
      return {}
    },
  })
}

/** A stream key is for its own session, whatever the path says. */
export function demandOwn(session: StoredSession, id: string): StoredSession {
  if (session.id === id) return session
  throw new AppError('ACTION_NOT_GRANTED', 'Cannot accept this: the stream key belongs to another session')
}

function summaryOf(session: StoredSession): SessionSummary {
  const { id, connection, email, program, reason, state } = session
  const times = { openedAtMs: session.opened_at_ms, endsAtMs: session.ends_at_ms }
  return { id, connection, email, program, reason, state, ...times }
}
