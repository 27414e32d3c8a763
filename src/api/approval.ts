import { z } from 'zod'
import { defineRoute } from './route.ts'
import { storableText } from './text.ts'

const nothing = z.strictObject({})
const id = storableText(100)
const requestParams = z.strictObject({ id })
const param = z.union([z.null(), z.string(), z.strictObject({ binaryBytes: z.int() })])

/** What a session asks to have reviewed. Requester, connection, database and role are the server's own knowledge. */
export const approvalInput = z.strictObject({
  event: z.string(),
  sql: z.string(),
  params: z.array(param),
  searchPath: z.string(),
  rule: z.string(),
  reason: z.string(),
  approvers: z.array(storableText(320)).min(1).max(100),
  count: z.int().min(1),
})

export const approvalState = z.enum(['pending', 'approved', 'rejected', 'withdrawn', 'expired', 'spent'])

/** One request as its requester, its approvers and auditors see it. */
export const approval = z.strictObject({
  id: z.string(),
  session: z.string(),
  connection: z.string(),
  environment: z.string(),
  requester: z.strictObject({ sub: z.string(), email: z.string() }),
  reason: z.string(),
  ticket: z.string(),
  sql: z.string(),
  params: z.array(param),
  rule: z.string(),
  why: z.string(),
  approvers: z.array(z.string()),
  count: z.int(),
  /** SHA-256, in hex, of what is approved: see `approvalDigest` in policy/approval. */
  digest: z.string(),
  state: approvalState,
  /** Who has said what so far. */
  votes: z.array(
    z.strictObject({
      sub: z.string(),
      email: z.string(),
      vote: z.enum(['approve', 'reject']),
      reason: z.string(),
      atMs: z.int(),
    }),
  ),
  createdAtMs: z.int(),
  expiresAtMs: z.int(),
})

/** Signed by the server (compact JWS, EdDSA) when an approval is spent: the proxy forwards on nothing less. */
export const approvalReceipt = z.strictObject({
  v: z.literal(1),
  request: z.string(),
  session: z.string(),
  digest: z.string(),
  approvers: z.array(z.string()),
  spentAtMs: z.int(),
})

export type Approval = z.infer<typeof approval>
export type ApprovalInput = z.infer<typeof approvalInput>

export const requestApproval = defineRoute({
  method: 'POST',
  path: '/v1/sessions/:id/approvals',
  auth: 'stream-key',
  params: requestParams,
  query: nothing,
  body: approvalInput,
  reply: z.strictObject({ id: z.string(), digest: z.string(), url: z.string(), expiresAtMs: z.int() }),
})

/** The state of one request; with `waitS`, answers when it changes or the seconds are over. By the asking session. */
export const followApproval = defineRoute({
  method: 'GET',
  path: '/v1/sessions/:id/approvals/:request',
  auth: 'stream-key',
  params: z.strictObject({ id, request: id }),
  query: z.strictObject({ waitS: z.coerce.number().int().min(0).max(30).default(0) }),
  body: nothing,
  reply: z.strictObject({ state: approvalState, by: z.string(), reason: z.string() }),
})

/** Spends an approved request, once and atomically. `digest` is what the proxy is about to run. */
export const spendApproval = defineRoute({
  method: 'POST',
  path: '/v1/sessions/:id/approvals/:request/spend',
  auth: 'stream-key',
  params: z.strictObject({ id, request: id }),
  query: nothing,
  body: z.strictObject({ digest: storableText(64) }),
  reply: z.strictObject({ receipt: z.string() }),
})

export const withdrawApproval = defineRoute({
  method: 'POST',
  path: '/v1/sessions/:id/approvals/:request/withdraw',
  auth: 'stream-key',
  params: z.strictObject({ id, request: id }),
  query: nothing,
  body: nothing,
  reply: nothing,
})

/** The caller's inbox and own requests. */
export const listApprovals = defineRoute({
  method: 'GET',
  path: '/v1/approvals',
  auth: 'bearer',
  params: nothing,
  query: z.strictObject({ state: approvalState.optional() }),
  body: nothing,
  reply: z.strictObject({ approvals: z.array(approval) }),
})

export const getApproval = defineRoute({
  method: 'GET',
  path: '/v1/approvals/:id',
  auth: 'bearer',
  params: requestParams,
  query: nothing,
  body: nothing,
  reply: approval,
})

/** Approves or rejects. Never by the requester. */
export const voteApproval = defineRoute({
  method: 'POST',
  path: '/v1/approvals/:id/vote',
  auth: 'bearer',
  params: requestParams,
  query: nothing,
  body: z.strictObject({ vote: z.enum(['approve', 'reject']), reason: z.string().max(1_000) }),
  reply: approval,
})
