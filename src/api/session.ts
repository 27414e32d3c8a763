import { z } from 'zod'
import { upstreamTls } from './connection.ts'
import { defineRoute } from './route.ts'
import { storableText } from './text.ts'

const nothing = z.strictObject({})
const sessionParams = z.strictObject({ id: storableText(100) })

/** What the asking side says of itself. Told to the audit as claimed, never an input to authorisation. */
export const openSessionInput = z.strictObject({
  connection: storableText(1_000),
  reason: storableText(1_000),
  ticket: storableText(200),
  host: storableText(255),
  osUser: storableText(255),
  /** The command that opened it: `connect`, `exec`, `psql`. */
  program: storableText(255),
  /** How long it is wanted, in seconds; the server may give less. */
  forS: z.int().min(1).max(86_400).optional(),
})

/**
 * Who the session is for and what it may be, signed by the server (compact JWS, EdDSA). The proxy trusts nothing about
 * the person that is not in here.
 */
export const sessionDocument = z.strictObject({
  v: z.literal(1),
  session: z.string(),
  stream: z.string(),
  issuedAtMs: z.int(),
  endsAtMs: z.int(),
  principal: z.strictObject({
    kind: z.enum(['user', 'service-account', 'agent']),
    sub: z.string(),
    email: z.string(),
    groups: z.array(z.string()),
  }),
  connection: z.strictObject({
    name: z.string(),
    environment: z.string(),
    database: z.string(),
    onMaskedUse: z.literal('refuse'),
    placement: z.enum(['local', 'relay']),
    durability: z.enum(['process', 'power']),
    offlineForS: z.int(),
  }),
  grants: z.array(z.string()),
  reason: z.string(),
  ticket: z.string(),
  /** Database role the session runs as. */
  role: z.string(),
  /** Digest of the bundle the server named at opening; an older one is refused. */
  policyDigest: z.string(),
  policyVersion: z.int(),
})

/** How the proxy logs in at the database. Kept in memory only: no file, argv, environment or log. */
export const lease = z.strictObject({
  host: z.string(),
  port: z.int(),
  database: z.string(),
  user: z.string(),
  password: z.string(),
  tls: upstreamTls,
})

export const openSessionReply = z.strictObject({
  /** `sessionDocument`, signed. */
  document: z.string(),
  /** The policy bundle, signed (policy/bundle). */
  bundle: z.string(),
  lease,
  /** Append-only right to one stream; outlives the session, so that the last records still arrive. */
  uploadKey: z.string(),
})

/** One session as lists show it. */
export const sessionSummary = z.strictObject({
  id: z.string(),
  connection: z.string(),
  email: z.string(),
  program: z.string(),
  reason: z.string(),
  openedAtMs: z.int(),
  endsAtMs: z.int(),
  state: z.enum(['live', 'ended']),
})

/** What a heartbeat learns: whether the session still stands, and which bundle is the newest. */
export const heartbeatReply = z.strictObject({
  state: z.enum(['live', 'ended']),
  /** Why it ended, for the person at the terminal; empty while live. */
  why: z.string(),
  policyDigest: z.string(),
})

export type OpenSessionInput = z.infer<typeof openSessionInput>
export type OpenSessionReply = z.infer<typeof openSessionReply>
export type SessionDocument = z.infer<typeof sessionDocument>
export type SessionSummary = z.infer<typeof sessionSummary>
export type Lease = z.infer<typeof lease>

export const openSession = defineRoute({
  method: 'POST',
  path: '/v1/sessions',
  auth: 'bearer',
  params: nothing,
  query: nothing,
  body: openSessionInput,
  reply: openSessionReply,
})

/** The caller's own sessions; an admin sees all. */
export const listSessions = defineRoute({
  method: 'GET',
  path: '/v1/sessions',
  auth: 'bearer',
  params: nothing,
  query: z.strictObject({ state: z.enum(['live', 'ended']).optional() }),
  body: nothing,
  reply: z.strictObject({ sessions: z.array(sessionSummary) }),
})

export const heartbeatSession = defineRoute({
  method: 'POST',
  path: '/v1/sessions/:id/heartbeat',
  auth: 'stream-key',
  params: sessionParams,
  query: nothing,
  body: nothing,
  reply: heartbeatReply,
})

/** Ends a session and its lease. By the proxy that holds it (stream key), at its own end. */
export const closeSession = defineRoute({
  method: 'POST',
  path: '/v1/sessions/:id/close',
  auth: 'stream-key',
  params: sessionParams,
  query: nothing,
  body: nothing,
  reply: nothing,
})

/** Ends a session from outside: its owner or an admin. */
export const stopSession = defineRoute({
  method: 'POST',
  path: '/v1/sessions/:id/stop',
  auth: 'bearer',
  params: sessionParams,
  query: nothing,
  body: z.strictObject({ reason: storableText(1_000) }),
  reply: nothing,
})

/** The newest bundle, for a session that is live. */
export const getSessionBundle = defineRoute({
  method: 'GET',
  path: '/v1/sessions/:id/bundle',
  auth: 'stream-key',
  params: sessionParams,
  query: nothing,
  body: nothing,
  reply: z.strictObject({ bundle: z.string() }),
})
