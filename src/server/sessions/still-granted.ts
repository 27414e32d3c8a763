import { createHash } from 'node:crypto'
import { canonicalJson, type Json } from '../../base/canonical-json.ts'
import type { CompiledPolicy } from '../../policy/compile.ts'
import type { StoredConnection } from '../connections/connection-store.ts'
import { mayConnect } from '../connections/routes.ts'
import type { ServerContext } from '../context.ts'
import type { StoredSession } from './session-store.ts'

/** Why a session that stands may stand no longer, as a sentence for its person; empty when it may. */
export async function whyNoLonger(
  context: ServerContext,
  session: StoredSession,
  policy: CompiledPolicy,
): Promise<string> {
  const { principal, reason, ticket } = session.document
  const person = context.people.find(session.sub)
  if (!person) return 'your account is no longer known'
  const connection = await context.connections.find(session.connection)
  if (!connection || !mayConnect(policy, connection, { ...person, reason, ticket }))
    return 'you may no longer use this connection'
  // The proxy decides by what its signed document says: where that is no longer so, only a new one will do.
  if (person.email !== principal.email || !isSameSet(person.groups, principal.groups))
    return 'your groups have changed: connect again'
  if (connectionDigest(connection) !== session.connection_digest) return 'the connection was changed: connect again'
  return ''
}

/** Digest of what a session's connection is: the place, who may be there, and whose rights one has. */
export function connectionDigest(connection: StoredConnection): string {
  const { name, engine, environment, host, port, database, tls, placement, credentials } = connection
  const role = credentials.kind === 'lease' ? credentials.template : credentials.user
  const place = { name, engine, environment, host, port, database, placement, kind: credentials.kind, role }
  const about = JSON.parse(JSON.stringify({ ...place, tls })) as Json
  return createHash('sha256').update(canonicalJson(about)).digest('hex')
}

function isSameSet(some: readonly string[], others: readonly string[]): boolean {
  const set = new Set(some)
  return set.size === new Set(others).size && others.every((each) => set.has(each))
}
