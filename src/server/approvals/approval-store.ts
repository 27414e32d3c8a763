import type { Approval, ApprovalInput } from '../../api/approval.ts'
import { newShortId } from '../../base/id.ts'
import { approvalDigest } from '../../policy/approval.ts'
import type { ServerContext } from '../context.ts'
import type { StoredSession } from '../sessions/session-store.ts'
import type { Tables } from '../store/tables.ts'

type Vote = Approval['votes'][number]

/**
 * Requests and their states. Every change of state is one UPDATE that names the state it comes from, so of two at once one
 * finds nothing to change:  pending → approved | rejected | withdrawn | expired;  approved → spent | withdrawn | expired.
 */
export async function createApproval(
  context: ServerContext,
  session: StoredSession,
  input: ApprovalInput,
): Promise<Tables['approvals']> {
  const { document } = session
  const nowMs = context.clock.nowMs()
  const row: Tables['approvals'] = {
    id: newShortId('req', context.random),
    session: session.id,
    requester: session.sub,
    input: JSON.stringify(input),
    connection: document.connection.name,
    environment: document.connection.environment,
    digest: approvalDigest({
      tenant: context.config.tenant,
      session: session.id,
      requester: session.sub,
      connection: document.connection.name,
      database: document.connection.database,
      role: document.role,
      searchPath: input.searchPath,
      sql: input.sql,
      params: input.params,
    }),
    state: 'pending',
    votes: '[]',
    created_at_ms: nowMs,
    expires_at_ms: nowMs + context.config.approvalForS * 1_000,
  }
  await context.store.db.insertInto('approvals').values(row).execute()
  return row
}

/** The row as it stands now: what ran out is marked first. */
export async function findApproval(context: ServerContext, id: string): Promise<Tables['approvals'] | undefined> {
  await context.store.db
    .updateTable('approvals')
    .set({ state: 'expired' })
    .where('id', '=', id)
    .where('state', 'in', ['pending', 'approved'])
    .where('expires_at_ms', '<=', context.clock.nowMs())
    .execute()
  return context.store.db.selectFrom('approvals').selectAll().where('id', '=', id).executeTakeFirst()
}

/** Moves a request from one of `from` to `to`; false when it was in another state by then. */
export async function moveApproval(
  context: ServerContext,
  id: string,
  move: {
    readonly from: readonly Tables['approvals']['state'][]
    readonly to: Tables['approvals']['state']
    readonly digest?: string
  },
): Promise<boolean> {
  let update = context.store.db
    .updateTable('approvals')
    .set({ state: move.to })
    .where('id', '=', id)
    .where('state', 'in', move.from)
    .where('expires_at_ms', '>', context.clock.nowMs())
  if (move.digest !== undefined) update = update.where('digest', '=', move.digest)
  return (await update.executeTakeFirst()).numUpdatedRows > 0n
}

/** Adds a vote to a pending request; false when somebody else's came in between, and the caller must read it again. */
export async function addVote(
  context: ServerContext,
  row: Tables['approvals'],
  change: { readonly votes: readonly Vote[]; readonly state: Tables['approvals']['state'] },
): Promise<boolean> {
  const updated = await context.store.db
    .updateTable('approvals')
    .set({ votes: JSON.stringify(change.votes), state: change.state })
    .where('id', '=', row.id)
    .where('state', '=', 'pending')
    .where('votes', '=', row.votes)
    .executeTakeFirst()
  return updated.numUpdatedRows > 0n
}

export function votesOf(row: Tables['approvals']): readonly Vote[] {
  return JSON.parse(row.votes) as Vote[]
}

/** The request as people see it. */
export async function approvalOf(context: ServerContext, row: Tables['approvals']): Promise<Approval> {
  const session = await context.sessions.find(row.session)
  const input = JSON.parse(row.input) as ApprovalInput
  return {
    id: row.id,
    session: row.session,
    connection: row.connection,
    environment: row.environment,
    requester: { sub: row.requester, email: session?.email ?? '' },
    reason: session?.reason ?? '',
    ticket: session?.document.ticket ?? '',
    sql: input.sql,
    params: input.params,
    rule: input.rule,
    why: input.reason,
    approvers: input.approvers,
    count: input.count,
    digest: row.digest,
    state: row.state,
    votes: [...votesOf(row)],
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
  }
}
