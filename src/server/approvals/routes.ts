import type { FastifyInstance } from 'fastify'
import {
  type Approval,
  followApproval,
  getApproval,
  listApprovals,
  requestApproval,
  spendApproval,
  voteApproval,
  withdrawApproval,
} from '../../api/approval.ts'
import type { Me } from '../../api/server.ts'
import { AppError } from '../../base/app-error.ts'
import type { ServerContext } from '../context.ts'
import { registerRoute } from '../http/register-route.ts'
import { demandOwn } from '../sessions/routes.ts'
import type { Tables } from '../store/tables.ts'
import { addVote, approvalOf, createApproval, findApproval, moveApproval, votesOf } from './approval-store.ts'

const pollMs = 250

export function registerApprovals(app: FastifyInstance, context: ServerContext): void {
  registerForSessions(app, context)
  registerForPeople(app, context)
}

/** The asking side: the proxy that holds a statement. */
function registerForSessions(app: FastifyInstance, context: ServerContext): void {
  registerRoute(app, context, {
    route: requestApproval,
    async handle({ params, body, session }) {
      const own = demandOwn(session, params.id)
      if (own.state !== 'live')
        throw new AppError('STATEMENT_STOPPED', 'Cannot ask for an approval: the session is over')
      const row = await createApproval(context, own, body)
      return {
        id: row.id,
        digest: row.digest,
        url: `${context.url}/v1/approvals/${row.id}`,
        expiresAtMs: row.expires_at_ms,
      }
    },
  })

  registerRoute(app, context, {
    route: followApproval,
    async handle({ params, query, session }) {
      const own = demandOwn(session, params.id)
      // By the store, so that it does not matter through which replica the vote came.
      for (let left = (query.waitS * 1_000) / pollMs; ; left--) {
        const row = await ofSession(context, own.id, params.request)
        if (row.state !== 'pending' || left <= 0) return outcomeOf(row)
        await new Promise((resolve) => setTimeout(resolve, pollMs))
      }
    },
  })

  registerRoute(app, context, {
    route: spendApproval,
    async handle({ params, body, session }) {
      const own = demandOwn(session, params.id)
      const row = await ofSession(context, own.id, params.request)
      const isSpent =
        own.state === 'live' &&
        (await moveApproval(context, row.id, { from: ['approved'], to: 'spent', digest: body.digest }))
      if (!isSpent) {
        throw new AppError(
          'APPROVAL_REFUSED',
          `Cannot use approval ${row.id}: it is not approved for exactly this, or was used before`,
          {
            request: row.id,
          },
        )
      }
      const approvers = votesOf(row).map(({ email }) => email)
      const receipt = {
        v: 1,
        request: row.id,
        session: own.id,
        digest: row.digest,
        approvers,
        spentAtMs: context.clock.nowMs(),
      }
      return { receipt: await context.keys.sign(receipt, 'hoop-approval') }
    },
  })

  registerRoute(app, context, {
    route: withdrawApproval,
    async handle({ params, session }) {
      const row = await ofSession(context, demandOwn(session, params.id).id, params.request)
      await moveApproval(context, row.id, { from: ['pending', 'approved'], to: 'withdrawn' })
      return {}
    },
  })
}

/** The answering side: approvers, and requesters looking at their own. */
function registerForPeople(app: FastifyInstance, context: ServerContext): void {
  registerRoute(app, context, {
    route: listApprovals,
    async handle({ query, caller }) {
      let select = context.store.db.selectFrom('approvals').select('id').orderBy('created_at_ms', 'desc').limit(200)
      if (query.state) select = select.where('state', '=', query.state)
      const rows = await Promise.all((await select.execute()).map(({ id }) => findApproval(context, id)))
      const all = await Promise.all(rows.flatMap((row) => (row ? [approvalOf(context, row)] : [])))
      return { approvals: all.filter((each) => maySee(each, caller) && (!query.state || each.state === query.state)) }
    },
  })

  registerRoute(app, context, {
    route: getApproval,
    handle: ({ params, caller }) => seen(context, params.id, caller).then(({ shown }) => shown),
  })

  registerRoute(app, context, {
    route: voteApproval,
    async handle({ params, body, caller }) {
      for (;;) {
        const { row, shown } = await seen(context, params.id, caller)
        demandApprover(shown, caller)
        const vote = {
          sub: caller.sub,
          email: caller.email,
          vote: body.vote,
          reason: body.reason,
          atMs: context.clock.nowMs(),
        }
        const votes = [...shown.votes, vote]
        if (await addVote(context, row, { votes, state: stateAfter(votes, shown.count) })) {
          return (await seen(context, params.id, caller)).shown
        }
      }
    },
  })
}

async function ofSession(context: ServerContext, session: string, id: string): Promise<Tables['approvals']> {
  const row = await findApproval(context, id)
  if (row?.session === session) return row
  throw new AppError('NOT_FOUND', `Cannot find request ${id}: it is not of this session`)
}

async function seen(
  context: ServerContext,
  id: string,
  caller: Me,
): Promise<{ readonly row: Tables['approvals']; readonly shown: Approval }> {
  const row = await findApproval(context, id)
  const shown = row && (await approvalOf(context, row))
  if (row && shown && maySee(shown, caller)) return { row, shown }
  throw new AppError('NOT_FOUND', `Cannot find request ${id}: there is none that you may see`, {
    hint: 'hoop approvals ls',
  })
}

function maySee(approval: Approval, caller: Me): boolean {
  return approval.requester.sub === caller.sub || caller.roles.includes('auditor') || isApprover(approval, caller)
}

function isApprover({ approvers }: Approval, caller: Me): boolean {
  const names = [caller.sub, caller.email, ...caller.groups.map((group) => `group:${group}`)]
  return approvers.some((approver) => names.includes(approver))
}

function demandApprover(approval: Approval, caller: Me): void {
  const refuse = (why: string, code: 'ACTION_NOT_GRANTED' | 'APPROVAL_REFUSED'): never => {
    throw new AppError(code, `Cannot vote on ${approval.id}: ${why}`, { request: approval.id })
  }
  if (approval.requester.sub === caller.sub) refuse('it is your own request', 'ACTION_NOT_GRANTED')
  if (!isApprover(approval, caller)) refuse(`it asks ${approval.approvers.join(', ')}`, 'ACTION_NOT_GRANTED')
  if (approval.state !== 'pending') refuse(`it is ${approval.state}`, 'APPROVAL_REFUSED')
  if (approval.votes.some(({ sub }) => sub === caller.sub)) refuse('you have voted already', 'APPROVAL_REFUSED')
}

function stateAfter(votes: Approval['votes'], count: number): Tables['approvals']['state'] {
  if (votes.some(({ vote }) => vote === 'reject')) return 'rejected'
  return votes.length >= count ? 'approved' : 'pending'
}

function outcomeOf(row: Tables['approvals']): { state: Approval['state']; by: string; reason: string } {
  const last = votesOf(row).at(-1)
  return { state: row.state, by: last?.email ?? '', reason: last?.reason ?? '' }
}
