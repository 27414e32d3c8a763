import type { Transaction } from 'kysely'
import type { Approval, ApprovalInput } from '../../api/approval.ts'
import type { Me } from '../../api/server.ts'
import { AppError } from '../../base/app-error.ts'
import { newShortId } from '../../base/id.ts'
import type { ServerContext } from '../context.ts'
import type { Tables } from '../store/tables.ts'

type Row = Tables['approvals']
type State = Row['state']
type Vote = Approval['votes'][number]

/**
 * Requests and their states. Every change of state is one UPDATE that names the state it comes from, so of two at once one
 * finds nothing to change:  pending → approved | rejected | withdrawn | expired;  approved → spent | withdrawn | expired.
 */

const open: readonly State[] = ['pending', 'approved']
const idTries = 5

/** Adds a request, under an id nobody has. */
export async function addApproval(context: ServerContext, about: Omit<Row, 'id'>): Promise<Row> {
  const { approvers } = JSON.parse(about.input) as ApprovalInput
  return context.store.db.transaction().execute(async (transaction) => {
    const row = await insertUnderNewId(context, transaction, about)
    const rows = [...new Set(approvers)].map((approver) => ({ approval: row.id, approver }))
    await transaction.insertInto('approval_approvers').values(rows).execute()
    return row
  })
}

async function insertUnderNewId(context: ServerContext, db: Transaction<Tables>, about: Omit<Row, 'id'>): Promise<Row> {
  for (let left = idTries; left > 0; left--) {
    const row = { id: newShortId('req', context.random), ...about }
    const inserted = await db
      .insertInto('approvals')
      .values(row)
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst()
    if (inserted.numInsertedOrUpdatedRows) return row
  }
  throw new AppError('UNEXPECTED', 'Cannot make a request: every id that was tried is taken')
}

/** How many requests of a session wait. */
export async function countPending({ store }: ServerContext, session: string): Promise<number> {
  const { n } = await store.db
    .selectFrom('approvals')
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .where('session', '=', session)
    .where('state', '=', 'pending')
    .executeTakeFirstOrThrow()
  return n
}

/** The row as it stands now: what ran out is marked first. */
export async function findApproval(context: ServerContext, id: string): Promise<Row | undefined> {
  const row = await context.store.db.selectFrom('approvals').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row || !open.includes(row.state) || row.expires_at_ms > context.clock.nowMs()) return row
  await expireOverdue(context)
  return context.store.db.selectFrom('approvals').selectAll().where('id', '=', id).executeTakeFirst()
}

/** Requests that ran out stand so, whether anybody looks at them or not. */
async function expireOverdue({ store, clock }: ServerContext): Promise<void> {
  await store.db
    .updateTable('approvals')
    .set({ state: 'expired' })
    .where('state', 'in', open)
    .where('expires_at_ms', '<=', clock.nowMs())
    .execute()
}

/**
 * Spends an approved request: once, for exactly that digest, and only while its session lives. One statement decides all
 * of it; undefined when any of it was not so.
 */
export async function spendOnce(
  { store, clock }: ServerContext,
  spend: { readonly id: string; readonly session: string; readonly digest: string },
): Promise<Row | undefined> {
  const nowMs = clock.nowMs()
  return store.db
    .updateTable('approvals')
    .set({ state: 'spent' })
    .where('id', '=', spend.id)
    .where('session', '=', spend.session)
    .where('state', '=', 'approved')
    .where('digest', '=', spend.digest)
    .where('expires_at_ms', '>', nowMs)
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom('sessions')
          .select('sessions.id')
          .where('sessions.id', '=', spend.session)
          .where('sessions.state', '=', 'live')
          .where('sessions.ends_at_ms', '>', nowMs),
      ),
    )
    .returningAll()
    .executeTakeFirst()
}

/** Takes a request back; nothing happens when its outcome stands. */
export async function withdraw({ store, clock }: ServerContext, id: string, session: string): Promise<void> {
  await store.db
    .updateTable('approvals')
    .set({ state: 'withdrawn' })
    .where('id', '=', id)
    .where('session', '=', session)
    .where('state', 'in', open)
    .where('expires_at_ms', '>', clock.nowMs())
    .execute()
}

/** Adds a vote to a pending request; false when something else came in between, and the caller must read it again. */
export async function addVote(
  { store, clock }: ServerContext,
  row: Row,
  change: { readonly votes: readonly Vote[]; readonly state: State },
): Promise<boolean> {
  const updated = await store.db
    .updateTable('approvals')
    .set({ votes: JSON.stringify(change.votes), state: change.state })
    .where('id', '=', row.id)
    .where('state', '=', 'pending')
    .where('votes', '=', row.votes)
    .where('expires_at_ms', '>', clock.nowMs())
    .executeTakeFirst()
  return updated.numUpdatedRows > 0n
}

const pageRows = 200

/** What somebody may see, newest first: requests that ask them, their own, and for auditors all. */
export async function listFor(context: ServerContext, caller: Me, state: State | undefined): Promise<readonly Row[]> {
  await expireOverdue(context)
  let query = context.store.db.selectFrom('approvals').selectAll('approvals').orderBy('created_at_ms', 'desc')
  if (state) query = query.where('state', '=', state)
  if (!caller.roles.includes('auditor')) {
    query = query.where(({ or, eb, exists, selectFrom }) =>
      or([
        eb('requester', '=', caller.sub),
        exists(
          selectFrom('approval_approvers')
            .select('approval')
            .whereRef('approval', '=', 'approvals.id')
            .where('approver', 'in', namesOf(caller)),
        ),
      ]),
    )
  }
  return query.limit(pageRows).execute()
}

/** Every name under which a rule may ask for somebody. */
export function namesOf({ sub, email, groups }: Pick<Me, 'sub' | 'email' | 'groups'>): readonly string[] {
  return [sub, email, ...groups.map((group) => `group:${group}`)]
}

export function votesOf(row: Row): readonly Vote[] {
  return JSON.parse(row.votes) as Vote[]
}

/** Requests as people see them. */
export async function approvalsOf({ store }: ServerContext, rows: readonly Row[]): Promise<Approval[]> {
  if (rows.length === 0) return []
  const ids = [...new Set(rows.map(({ session }) => session))]
  const sessions = await store.db
    .selectFrom('sessions')
    .select(['id', 'email', 'reason', 'document'])
    .where('id', 'in', ids)
    .execute()
  const known = new Map(sessions.map((session) => [session.id, session]))
  return rows.map((row) => shownAs(row, known.get(row.session)))
}

type SessionPart = Pick<Tables['sessions'], 'email' | 'reason' | 'document'>

function shownAs(row: Row, session: SessionPart | undefined): Approval {
  const { sql, params, rule, reason: why, approvers, count } = JSON.parse(row.input) as ApprovalInput
  const { ticket } = (session ? JSON.parse(session.document) : { ticket: '' }) as { readonly ticket: string }
  return {
    id: row.id,
    session: row.session,
    connection: row.connection,
    environment: row.environment,
    requester: { sub: row.requester, email: session?.email ?? '' },
    reason: session?.reason ?? '',
    ticket,
    ...{ sql, params, rule, why, approvers, count },
    digest: row.digest,
    state: row.state,
    votes: [...votesOf(row)],
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
  }
}
