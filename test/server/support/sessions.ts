import { importJWK, SignJWT } from 'jose'
import { type ApiClient, createApiClient } from '../../../src/api/client.ts'
import type { ConnectionInput } from '../../../src/api/connection.ts'
import { putConnection } from '../../../src/api/connection.ts'
import { pushPolicy } from '../../../src/api/policy.ts'
import {
  type OpenSessionInput,
  type OpenSessionReply,
  openSession,
  type SessionDocument,
} from '../../../src/api/session.ts'
import { httpSend } from '../../../src/identity/http-send.ts'
import type { TestServer } from './test-server.ts'

/**
 * The API as somebody who has a token of the server's own key that lasts: the test moves the server's clock, and real tokens
 * are of the world's.
 */
export async function lasting(server: TestServer, sub: string): Promise<ApiClient> {
  const token = await server.inStore(async (_store, { issuerJwk }) =>
    new SignJWT({ client_id: 'hoop-cli', scope: 'openid api' })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: issuerJwk.kid ?? '' })
      .setIssuer(`${server.url}/oidc`)
      .setAudience(`${server.url}/v1`)
      .setSubject(sub)
      .setIssuedAt()
      .setExpirationTime('30d')
      .sign(await importJWK(issuerJwk, 'ES256')),
  )
  return createApiClient(server.url, httpSend, async () => `Bearer ${token}`)
}

/** A session as its proxy holds it. */
export interface OpenedSession {
  readonly id: string
  readonly stream: string
  readonly document: SessionDocument
  readonly reply: OpenSessionReply
  /** The API by the session's stream key. */
  readonly proxy: ApiClient
}

export const claimed = { reason: 'incident 42', ticket: 'OPS-1', host: 'laptop', osUser: 'ana', program: 'connect' }

export async function open(
  server: TestServer,
  api: ApiClient,
  input: Partial<OpenSessionInput> = {},
): Promise<OpenedSession> {
  const reply = await api.call(openSession, { body: { connection: 'prod-db', ...claimed, ...input } })
  const document = payloadOf(reply.document)
  const proxy = createApiClient(server.url, httpSend, async () => `Stream ${reply.uploadKey}`)
  return { id: document.session, stream: document.stream, document, reply, proxy }
}

/** What a signed document says, its signature unchecked. */
export function payloadOf(jws: string): SessionDocument {
  return JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()) as SessionDocument
}

/** A connection whose credential is a fixed one: no database is asked for anything. */
export function staticConnection(name: string, different: Partial<ConnectionInput> = {}): ConnectionInput {
  return {
    name,
    engine: 'postgres',
    environment: 'prod',
    host: 'db.example',
    port: 5_432,
    database: 'shop',
    tls: { sslmode: 'verify-full' },
    credentials: { kind: 'static', user: 'reader', password: 'fixed-secret' },
    placement: 'local',
    durability: 'process',
    offlineForS: 60,
    sessionForS: 3_600,
    ...different,
  }
}

export async function put(root: ApiClient, connection: ConnectionInput): Promise<void> {
  await root.call(putConnection, { params: { name: connection.name }, body: connection })
}

export const oncallConnects = `@id("oncall-connects")
permit (principal in Group::"oncall", action == Action::"connect", resource);`

export async function publish(root: ApiClient, ...rules: readonly string[]): Promise<void> {
  await root.call(pushPolicy, { body: { files: { 'prod.cedar': rules.join('\n') } } })
}
