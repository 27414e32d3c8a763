import { z } from 'zod'
import { defineRoute } from './route.ts'

const nothing = z.strictObject({})
const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and hyphens, at most 63')

/** How the upstream is reached and trusted; the words are libpq's. */
export const upstreamTls = z.strictObject({
  sslmode: z.enum(['disable', 'prefer', 'require', 'verify-ca', 'verify-full']),
  /** PEM of the certificate authority, when it is not a public one. */
  ca: z.string().optional(),
})

/** How a session gets its database role: one of its own, made by the admin role and gone with it, or a fixed one. */
export const credentials = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('lease'),
    adminUser: z.string().min(1),
    adminPassword: z.string(),
    /** Role whose rights every leased role gets, by membership. */
    template: z.string().min(1),
  }),
  z.strictObject({ kind: z.literal('static'), user: z.string().min(1), password: z.string() }),
])

/** What an admin says about a connection. Secrets go in and never come out again. */
export const connectionInput = z.strictObject({
  name,
  engine: z.literal('postgres'),
  environment: name,
  host: z.string().min(1),
  port: z.int().min(1).max(65_535),
  database: z.string().min(1),
  tls: upstreamTls,
  credentials,
  placement: z.enum(['local', 'relay']).default('local'),
  durability: z.enum(['process', 'power']).default('process'),
  /** Seconds an open session goes on without the server. */
  offlineForS: z.int().min(0).max(86_400).default(900),
  /** Longest session, in seconds. */
  sessionForS: z.int().min(60).max(86_400).default(3_600),
})

/** What a person who may use a connection sees of it. */
export const connection = z.strictObject({
  name,
  engine: z.literal('postgres'),
  environment: name,
  database: z.string(),
  placement: z.enum(['local', 'relay']),
  /** False: it exists, but no rule lets the caller connect. Only admins see such ones. */
  granted: z.boolean(),
})

export type ConnectionInput = z.infer<typeof connectionInput>
export type Connection = z.infer<typeof connection>
export type UpstreamTls = z.infer<typeof upstreamTls>

export const listConnections = defineRoute({
  method: 'GET',
  path: '/v1/connections',
  auth: 'bearer',
  params: nothing,
  query: nothing,
  body: nothing,
  reply: z.strictObject({ connections: z.array(connection) }),
})

/** Creates a connection, or replaces the one of that name. Admins only. */
export const putConnection = defineRoute({
  method: 'PUT',
  path: '/v1/connections/:name',
  auth: 'bearer',
  params: z.strictObject({ name }),
  query: nothing,
  body: connectionInput,
  reply: connection,
})
