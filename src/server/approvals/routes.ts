import type { FastifyInstance } from 'fastify'
import {
  followApproval,
  getApproval,
  listApprovals,
  requestApproval,
  spendApproval,
  voteApproval,
  withdrawApproval,
} from '../../api/approval.ts'
import { AppError } from '../../base/app-error.ts'
import type { ServerContext } from '../context.ts'
import { registerRoute } from '../http/register-route.ts'
import { demandOwn } from '../sessions/routes.ts'
import type { Tables } from '../store/tables.ts'
import { approvalsOf, findApproval, listFor, spendOnce, votesOf, withdraw } from './approval-store.ts'
import { type ApprovalNews, createApprovalNews } from './news.ts'
import { createApproval } from './request-approval.ts'
import { lookAt, voteOn } from './vote.ts'

/** How often the store is looked at for what another replica has changed. */
const lookEveryMs = 1_000

export function registerApprovals(app: FastifyInstance, context: ServerContext): void {
  const news = createApprovalNews()
  registerForSessions(app, context, news)
  registerSpending(app, context, news)
  registerForPeople(app, context, news)
}

/** The asking side: the proxy that holds a statement. */
function registerForSessions(app: FastifyInstance, context: ServerContext, news: ApprovalNews): void {
  registerRoute(app, context, {
    route: requestApproval,
    async handle({ params, body, session }) {
      const row = await createApproval(context, demandOwn(session, params.id), body)
      const url = `${context.url}/v1/approvals/${row.id}`
      return { id: row.id, digest: row.digest, url, expiresAtMs: row.expires_at_ms }
    },
  })

  registerRoute(app, context, {
    route: followApproval,
    async handle({ params, query, session }) {
      const own = demandOwn(session, params.id)
      const untilMs = context.clock.monotonicMs() + query.waitS * 1_000
      for (;;) {
        const row = await ofSession(context, own.id, params.request)
        const leftMs = untilMs - context.clock.monotonicMs()
        if (row.state !== 'pending' || leftMs <= 0) return outcomeOf(row)
        await news.wait(row.id, Math.min(leftMs, lookEveryMs))
      }
    },
  })
}

function registerSpending(app: FastifyInstance, context: ServerContext, news: ApprovalNews): void {
  registerRoute(app, context, {
    route: spendApproval,
    async handle({ params, body, session }) {
      const own = demandOwn(session, params.id)
      const { id } = await ofSession(context, own.id, params.request)
      const row = await spendOnce(context, { id, session: own.id, digest: body.digest })
      if (!row) {
        const why = 'it is not approved for exactly this, or was used before'
        throw new AppError('APPROVAL_REFUSED', `Cannot use approval ${id}: ${why}`, { request: id })
      }
      const approvers = votesOf(row).map(({ email }) => email)
      const { digest } = row
      const spentAtMs = context.clock.nowMs()
      const receipt = { v: 1, request: id, session: own.id, digest, approvers, spentAtMs }
      return { receipt: await context.keys.sign(receipt, 'hoop-approval') }
    },
  })

  registerRoute(app, context, {
    route: withdrawApproval,
    async handle({ params, session }) {
      const { id } = await ofSession(context, demandOwn(session, params.id).id, params.request)
      await withdraw(context, id, session.id)
      news.changed(id)
      return {}
    },
  })
}

/** The answering side: approvers, and requesters looking at their own. */
function registerForPeople(app: FastifyInstance, context: ServerContext, news: ApprovalNews): void {
  registerRoute(app, context, {
    route: listApprovals,
    async handle({ query, caller }) {
      return { approvals: await approvalsOf(context, await listFor(context, caller, query.state)) }
    },
  })

  registerRoute(app, context, {
    route: getApproval,
    async handle({ params, caller }) {
      return (await lookAt(context, params.id, caller)).shown
    },
  })

  registerRoute(app, context, {
    route: voteApproval,
    async handle({ params, body, caller }) {
      const shown = await voteOn(context, { id: params.id, caller, ...body })
      news.changed(params.id)
      return shown
    },
  })
}

async function ofSession(context: ServerContext, session: string, id: string): Promise<Tables['approvals']> {
  const row = await findApproval(context, id)
  if (row?.session === session) return row
  throw new AppError('NOT_FOUND', `Cannot find request ${id}: it is not of this session`)
}

function outcomeOf(row: Tables['approvals']): { state: Tables['approvals']['state']; by: string; reason: string } {
  const last = votesOf(row).at(-1)
  return { state: row.state, by: last?.email ?? '', reason: last?.reason ?? '' }
}
