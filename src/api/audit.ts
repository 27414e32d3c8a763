import { z } from 'zod'
import { sessionOpened, statementFinished, statementStarted } from '../audit/entry.ts'
import { defineRoute } from './route.ts'
import { storableText } from './text.ts'

const nothing = z.strictObject({})
const hash = z.string().regex(/^[0-9a-f]{64}$/)

/** One link of a stream's hash chain (audit/chain), its entry as the exact text that was hashed. */
export const link = z.strictObject({ seq: z.int().min(1), body: z.string().max(16_000_000), prev: hash, hash })

/** A run of links that follows what the server already has. */
export const batch = z.strictObject({ links: z.array(link).min(1).max(1_000) })

/** What the server has durably: everything up to `seq`, whose hash is `hash`. */
export const streamHead = z.strictObject({ seq: z.int().min(0), hash })

export type Batch = z.infer<typeof batch>
export type StreamHead = z.infer<typeof streamHead>

/** Where the server stands with a stream: the uploader goes on from here. Hash `genesis` before the first link. */
export const getStreamHead = defineRoute({
  method: 'GET',
  path: '/v1/audit/streams/:stream/head',
  auth: 'stream-key',
  params: z.strictObject({ stream: storableText(100) }),
  query: nothing,
  body: nothing,
  reply: streamHead,
})

/**
 * Adds links to a stream. The same links again get the same answer; a link that differs from the stored one is
 * STREAM_CONFLICT (409); a gap is STREAM_GAP (412), and the uploader asks for the head and goes on from there.
 */
export const uploadBatch = defineRoute({
  method: 'POST',
  path: '/v1/audit/streams/:stream/batches',
  auth: 'stream-key',
  params: z.strictObject({ stream: storableText(100) }),
  query: nothing,
  body: batch,
  reply: streamHead,
})

/** One statement, its two entries joined; `finished` is null while it runs, or for ever when its proxy died. */
export const auditRecord = z.strictObject({
  id: z.string(),
  stream: z.string(),
  seq: z.int(),
  receivedAtMs: z.int(),
  session: sessionOpened.nullable(),
  started: statementStarted,
  finished: statementFinished.nullable(),
})

export type AuditRecord = z.infer<typeof auditRecord>

export const auditSearch = z.strictObject({
  connection: storableText(1_000).optional(),
  /** Subject or e-mail. */
  who: storableText(1_000).optional(),
  verdict: z.enum(['allowed', 'denied', 'held', 'approved']).optional(),
  rule: storableText(1_000).optional(),
  /** Words of the statement text or of object names. */
  text: storableText(1_000).optional(),
  reason: storableText(1_000).optional(),
  session: storableText(1_000).optional(),
  sinceMs: z.coerce.number().int().optional(),
  untilMs: z.coerce.number().int().optional(),
  limit: z.coerce.number().int().min(1).max(500).default(50),
  /** Where the page before ended. */
  cursor: storableText(1_000).optional(),
})

export type AuditSearch = z.input<typeof auditSearch>

/** Newest first. */
export const searchAudit = defineRoute({
  method: 'GET',
  path: '/v1/audit/records',
  auth: 'bearer',
  params: nothing,
  query: auditSearch,
  body: nothing,
  reply: z.strictObject({ records: z.array(auditRecord), next: z.string().nullable() }),
})

export const getAuditRecord = defineRoute({
  method: 'GET',
  path: '/v1/audit/records/:id',
  auth: 'bearer',
  params: z.strictObject({ id: storableText(100) }),
  query: nothing,
  body: nothing,
  reply: auditRecord,
})
