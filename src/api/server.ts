import { z } from 'zod'
import { defineRoute } from './route.ts'

const nothing = z.strictObject({})

/** What a client must know before it signs in. The bundle key is pinned at first login. */
export const discovery = z.strictObject({
  name: z.string(),
  version: z.string(),
  tenant: z.string(),
  /** Issuer of the server's own OIDC provider; its discovery document hangs below it. */
  issuer: z.url(),
  /** Audience of access tokens for this API. */
  audience: z.url(),
  clientId: z.string(),
  /** Public Ed25519 key, as a JWK, that signs bundles, session documents and approvals. */
  signingKey: z.record(z.string(), z.string()),
  /** True for `hoop demo`: the click-to-sign-in page is in use. */
  demo: z.boolean(),
})

export const me = z.strictObject({
  sub: z.string(),
  email: z.string(),
  name: z.string(),
  groups: z.array(z.string()),
  /** Rights at the server itself. */
  roles: z.array(z.enum(['admin', 'policy-author', 'approver', 'auditor'])),
})

export type Discovery = z.infer<typeof discovery>
export type Me = z.infer<typeof me>

export const getDiscovery = defineRoute({
  method: 'GET',
  path: '/v1/discovery',
  auth: 'none',
  params: nothing,
  query: nothing,
  body: nothing,
  reply: discovery,
})

export const getMe = defineRoute({
  method: 'GET',
  path: '/v1/me',
  auth: 'bearer',
  params: nothing,
  query: nothing,
  body: nothing,
  reply: me,
})
