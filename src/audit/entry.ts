import { z } from 'zod'
import { effectClasses } from '../engines/engine.ts'

/**
 * What a stream tells, entry by entry. A statement is told twice: *started* (the intent and the decision, on disk before
 * anything of its result is released) and *finished* (the outcome). A *started* that is never finished is itself evidence:
 * the proxy died, or the link was lost. Unknown fields are errors.
 */

/** Milliseconds since 1970-01-01 UTC, by the clock of whoever wrote the entry. */
const instant = z.int().nonnegative()

const ruleRef = z.strictObject({ id: z.string(), file: z.string(), line: z.int().nonnegative() })

const classifiedColumn = z.strictObject({
  schema: z.string(),
  table: z.string(),
  column: z.string(),
  tags: z.array(z.string()),
})

const actor = z.strictObject({
  kind: z.enum(['user', 'service-account', 'agent']),
  sub: z.string(),
  email: z.string(),
})

export const sessionOpened = z.strictObject({
  kind: z.literal('session.opened'),
  v: z.literal(1),
  id: z.string(),
  session: z.string(),
  atMs: instant,
  actor,
  groups: z.array(z.string()),
  connection: z.string(),
  environment: z.string(),
  database: z.string(),
  role: z.string(),
  placement: z.enum(['local', 'relay']),
  reason: z.string(),
  ticket: z.string(),
  host: z.string(),
  osUser: z.string(),
  program: z.string(),
})

export const sessionClosed = z.strictObject({
  kind: z.literal('session.closed'),
  v: z.literal(1),
  id: z.string(),
  session: z.string(),
  atMs: instant,
  why: z.enum(['client', 'time', 'revoked', 'shutdown', 'recovered']),
})

export const statementStarted = z.strictObject({
  kind: z.literal('statement.started'),
  v: z.literal(1),
  /** Of the statement; its *finished* entry carries the same. */
  id: z.string(),
  session: z.string(),
  atMs: instant,
  actor,
  connection: z.string(),
  reason: z.string(),
  ticket: z.string(),
  /** Which of the session's client connections sent it, and what that client calls itself. */
  client: z.strictObject({ number: z.int(), application: z.string(), backendPid: z.int() }),
  protocol: z.enum(['simple', 'extended', 'copy']),
  sql: z.string(),
  verb: z.string(),
  /** Bound parameters by position; null is SQL NULL, and binary ones are told by size only. */
  params: z.array(z.union([z.null(), z.string(), z.strictObject({ binaryBytes: z.int() })])),
  effects: z.array(z.strictObject({ class: z.enum(effectClasses), object: z.string() })),
  /** Classified columns read anywhere in it. */
  columns: z.array(classifiedColumn),
  inTransaction: z.boolean(),
  verdict: z.enum(['allowed', 'denied', 'held', 'approved']),
  rules: z.array(ruleRef),
  /** Why it was denied or held; empty when allowed. */
  why: z.string(),
  policyDigest: z.string(),
  masked: z.array(z.string()),
  revealed: z.array(z.strictObject({ column: z.string(), rule: z.string() })),
  /** Approval request it waits for or runs under; empty when none. */
  request: z.string(),
})

export const statementFinished = z.strictObject({
  kind: z.literal('statement.finished'),
  v: z.literal(1),
  id: z.string(),
  session: z.string(),
  atMs: instant,
  /** `not-run`: refused or withdrawn before a byte was forwarded. `lost`: the link broke, so nobody knows. */
  outcome: z.enum(['completed', 'failed', 'not-run', 'cancelled', 'lost']),
  /** Five characters, empty when it completed. */
  sqlstate: z.string(),
  rowsReturned: z.int().nonnegative(),
  rowsAffected: z.int().nonnegative(),
  bytesReturned: z.int().nonnegative(),
  durationMs: z.number().nonnegative(),
})

export const entry = z.discriminatedUnion('kind', [sessionOpened, sessionClosed, statementStarted, statementFinished])

export type SessionOpened = z.infer<typeof sessionOpened>
export type SessionClosed = z.infer<typeof sessionClosed>
export type StatementStarted = z.infer<typeof statementStarted>
export type StatementFinished = z.infer<typeof statementFinished>

/** One thing a stream tells. */
export type Entry = z.infer<typeof entry>
