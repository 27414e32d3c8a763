import type { Me } from '../../api/server.ts'
import type { OpenSessionInput, OpenSessionReply, SessionDocument } from '../../api/session.ts'
import { AppError } from '../../base/app-error.ts'
import { newId } from '../../base/id.ts'
import { leaseRoleName } from '../../engines/postgres/admin/lease-role.ts'
import type { StoredConnection } from '../connections/connection-store.ts'
import { mayConnect } from '../connections/routes.ts'
import type { ServerContext } from '../context.ts'
import { grantLease, noteOfLease } from '../leases/leases.ts'
import type { PublishedPolicy } from '../policies/policy-store.ts'
import { endSession } from './end-session.ts'
import { keyHash, type StoredSession } from './session-store.ts'
import { connectionDigest } from './still-granted.ts'

/** One wish to open a session, with what it is judged by. */
interface Opening {
  readonly context: ServerContext
  readonly input: OpenSessionInput
  readonly caller: Me
  readonly policy: PublishedPolicy
  readonly connection: StoredConnection
}

/**
 * Opens a session: the right to it, then its record, then its role, then what the proxy needs. The record comes before the
 * role, so that a role without a session is always one to remove.
 * @throws AppError `CONNECTION_NOT_GRANTED` or `DATABASE_UNREACHABLE`, with nothing left behind
 */
export async function open(context: ServerContext, input: OpenSessionInput, caller: Me): Promise<OpenSessionReply> {
  const policy = await context.policies.current()
  const connection = await demandConnection(context, { policy, input, caller })
  const opening: Opening = { context, input, caller, policy, connection }
  const document = documentOf(opening)
  const uploadKey = Buffer.from(context.random.bytes(32)).toString('base64url')
  const signed = await context.keys.sign(document, 'hoop-session')
  const bundle = await context.policies.bundle()
  await context.sessions.open(rowOf(opening, document, uploadKey), noteOfLease(context, connection, document.session))
  return { document: signed, bundle, lease: await leaseOf(opening, document), uploadKey }
}

async function leaseOf(
  { context, connection }: Opening,
  document: SessionDocument,
): Promise<OpenSessionReply['lease']> {
  const id = document.session
  try {
    const lease = await grantLease(context, connection, { id, endsAtMs: document.endsAtMs })
    const now = await context.sessions.find(id)
    if (now?.state === 'live') return lease
  } catch (error) {
    await context.sessions.discard(id)
    throw error
  }
  // Whoever stopped it found no role yet.
  await endSession(context, { id }, 'it was stopped')
  throw new AppError('STATEMENT_STOPPED', 'Cannot open the session: it was stopped while it was opened', {
    ran: 'nothing',
  })
}

/** The connection, when the caller may use it from here. @throws AppError `CONNECTION_NOT_GRANTED` */
async function demandConnection(
  context: ServerContext,
  { policy, input, caller }: Pick<Opening, 'policy' | 'input' | 'caller'>,
): Promise<StoredConnection> {
  const { connection: name, reason, ticket } = input
  const connection = await context.connections.find(name)
  const refuse = (why: string): AppError =>
    new AppError('CONNECTION_NOT_GRANTED', `Cannot connect to "${name}": ${why}`, {
      hint: 'hoop ls shows the ones you may use',
      ran: 'nothing',
    })
  // The same words for both: whether a connection exists is not for everybody to know.
  if (!connection || !mayConnect(policy.compiled, connection, { ...caller, reason, ticket })) {
    throw refuse('there is no such connection for you')
  }
  if (connection.placement === 'relay') throw refuse('it demands a relay, and there is none yet')
  return connection
}

function rowOf({ input, caller, connection }: Opening, document: SessionDocument, uploadKey: string): StoredSession {
  return {
    id: document.session,
    stream: document.stream,
    upload_key_hash: keyHash(uploadKey),
    sub: caller.sub,
    email: caller.email,
    connection: connection.name,
    connection_digest: connectionDigest(connection),
    document,
    host: input.host,
    os_user: input.osUser,
    program: input.program,
    reason: input.reason,
    opened_at_ms: document.issuedAtMs,
    ends_at_ms: document.endsAtMs,
    seen_at_ms: document.issuedAtMs,
    state: 'live',
    why: '',
  }
}

function documentOf({ context, input, caller, policy, connection }: Opening): SessionDocument {
  const { name, environment, database, placement, durability, offlineForS, sessionForS, credentials } = connection
  const { clock, random } = context
  const session = newId('ses', clock, random)
  const nowMs = clock.nowMs()
  return {
    v: 1,
    session,
    stream: newId('str', clock, random),
    issuedAtMs: nowMs,
    endsAtMs: nowMs + Math.min(input.forS ?? sessionForS, sessionForS) * 1_000,
    principal: { kind: 'user', sub: caller.sub, email: caller.email, groups: caller.groups },
    connection: { name, environment, database, onMaskedUse: 'refuse', placement, durability, offlineForS },
    grants: [],
    reason: input.reason,
    ticket: input.ticket,
    role: credentials.kind === 'lease' ? leaseRoleName(session) : credentials.user,
    policyDigest: policy.version.digest,
    policyVersion: policy.version.version,
  }
}
