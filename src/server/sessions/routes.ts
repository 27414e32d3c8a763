import type { FastifyInstance } from 'fastify'
import type { Me } from '../../api/server.ts'
import {
  closeSession,
  getSessionBundle,
  heartbeatSession,
  listSessions,
  type OpenSessionInput,
  type OpenSessionReply,
  openSession,
  type SessionDocument,
  stopSession,
} from '../../api/session.ts'
import { AppError } from '../../base/app-error.ts'
import { newId } from '../../base/id.ts'
import type { StoredConnection } from '../connections/connection-store.ts'
import { mayConnect } from '../connections/routes.ts'
import type { ServerContext } from '../context.ts'
import { registerRoute } from '../http/register-route.ts'
import { grantLease } from '../leases/leases.ts'
import { keyHash, type StoredSession } from './session-store.ts'
import { endSession } from './sweeper.ts'

export function registerSessions(app: FastifyInstance, context: ServerContext): void {
  registerRoute(app, context, { route: openSession, handle: ({ body, caller }) => open(context, body, caller) })

  registerRoute(app, context, {
    route: listSessions,
    async handle({ query, caller }) {
      const own = caller.roles.includes('admin') ? {} : { sub: caller.sub }
      const sessions = await context.sessions.list({ ...own, ...(query.state ? { state: query.state } : {}) })
      return {
        sessions: sessions.map(({ id, connection, email, program, reason, state, ...times }) => ({
          id,
          connection,
          email,
          program,
          reason,
          state,
          openedAtMs: times.opened_at_ms,
          endsAtMs: times.ends_at_ms,
        })),
      }
    },
  })

  registerRoute(app, context, {
    route: heartbeatSession,
    async handle({ params, session }) {
      const own = demandOwn(session, params.id)
      const { version, compiled } = await context.policies.current()
      const person = context.people.find(own.sub)
      const connection = await context.connections.find(own.connection)
      const isGranted = person && connection && mayConnect(compiled, connection, person)
      if (own.state === 'live' && !isGranted) {
        const why = 'you may no longer use this connection'
        await endSession(context, own, why)
        return { state: 'ended' as const, why, policyDigest: version.digest }
      }
      if (own.state === 'live') await context.sessions.seen(own.id)
      return { state: own.state, why: own.why, policyDigest: version.digest }
    },
  })

  registerRoute(app, context, {
    route: getSessionBundle,
    async handle({ params, session }) {
      demandOwn(session, params.id)
      return { bundle: await context.policies.bundle() }
    },
  })

  registerRoute(app, context, {
    route: closeSession,
    async handle({ params, session }) {
      await endSession(context, demandOwn(session, params.id), 'it was closed')
      return {}
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

/** A stream key is for its own session, whatever the path says. */
export function demandOwn(session: StoredSession, id: string): StoredSession {
  if (session.id === id) return session
  throw new AppError('ACTION_NOT_GRANTED', 'Cannot accept this: the stream key belongs to another session')
}

/** The connection, when the caller may use it from here. @throws AppError `CONNECTION_NOT_GRANTED` */
async function demandConnection(context: ServerContext, name: string, caller: Me): Promise<StoredConnection> {
  const { compiled } = await context.policies.current()
  const connection = await context.connections.find(name)
  const refuse = (why: string): AppError =>
    new AppError('CONNECTION_NOT_GRANTED', `Cannot connect to "${name}": ${why}`, {
      hint: 'hoop ls shows the ones you may use',
      ran: 'nothing',
    })
  // The same words for both: whether a connection exists is not for everybody to know.
  if (!connection || !mayConnect(compiled, connection, caller)) throw refuse('there is no such connection for you')
  if (connection.placement === 'relay') throw refuse('it demands a relay, and there is none yet')
  return connection
}

async function open(context: ServerContext, input: OpenSessionInput, caller: Me): Promise<OpenSessionReply> {
  const connection = await demandConnection(context, input.connection, caller)
  const { version } = await context.policies.current()
  const nowMs = context.clock.nowMs()
  const id = newId('ses', context.clock, context.random)
  const endsAtMs = nowMs + Math.min(input.forS ?? connection.sessionForS, connection.sessionForS) * 1_000
  const { lease, role } = await grantLease(context, connection, { id, endsAtMs })
  const document = documentOf({
    id,
    nowMs,
    endsAtMs,
    input,
    caller,
    connection,
    policy: version,
    role: lease.user,
    context,
  })
  const uploadKey = Buffer.from(context.random.bytes(32)).toString('base64url')
  await context.sessions.open({
    id,
    stream: document.stream,
    upload_key_hash: keyHash(uploadKey),
    sub: caller.sub,
    email: caller.email,
    connection: connection.name,
    document,
    lease_role: role,
    program: input.program,
    reason: input.reason,
    opened_at_ms: nowMs,
    ends_at_ms: endsAtMs,
    seen_at_ms: nowMs,
    state: 'live',
    why: '',
  })
  return {
    document: await context.keys.sign(document, 'hoop-session'),
    bundle: await context.policies.bundle(),
    lease,
    uploadKey,
  }
}

function documentOf(about: {
  readonly id: string
  readonly nowMs: number
  readonly endsAtMs: number
  readonly input: OpenSessionInput
  readonly caller: Me
  readonly connection: StoredConnection
  readonly policy: { readonly digest: string; readonly version: number }
  readonly role: string
  readonly context: ServerContext
}): SessionDocument {
  const { caller, connection, input, policy, context } = about
  const { name, environment, database, placement, durability, offlineForS } = connection
  return {
    v: 1,
    session: about.id,
    stream: newId('str', context.clock, context.random),
    issuedAtMs: about.nowMs,
    endsAtMs: about.endsAtMs,
    principal: { kind: 'user', sub: caller.sub, email: caller.email, groups: caller.groups },
    connection: { name, environment, database, onMaskedUse: 'refuse', placement, durability, offlineForS },
    grants: [],
    reason: input.reason,
    ticket: input.ticket,
    role: about.role,
    policyDigest: policy.digest,
    policyVersion: policy.version,
  }
}
