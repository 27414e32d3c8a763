import type { Approval } from '../../api/approval.ts'
import type { Me } from '../../api/server.ts'
import { AppError } from '../../base/app-error.ts'
import type { ServerContext } from '../context.ts'
import type { Tables } from '../store/tables.ts'
import { addVote, approvalsOf, findApproval, namesOf } from './approval-store.ts'

/** What somebody says to a request. */
export interface Voting {
  readonly id: string
  readonly caller: Me
  readonly vote: 'approve' | 'reject'
  readonly reason: string
}

/** A request that somebody may see, as it is stored and as it is shown. @throws AppError `NOT_FOUND` */
export async function lookAt(
  context: ServerContext,
  id: string,
  caller: Me,
): Promise<{ readonly row: Tables['approvals']; readonly shown: Approval }> {
  const row = await findApproval(context, id)
  const [shown] = row ? await approvalsOf(context, [row]) : []
  if (row && shown && maySee(shown, caller)) return { row, shown }
  throw new AppError('NOT_FOUND', `Cannot find request ${id}: there is none that you may see`, {
    hint: 'hoop approvals ls',
  })
}

/**
 * Adds a vote. One reject is enough; approvals are counted by person. Whoever votes at the same moment is heard too: the
 * vote that comes second is judged again on what the first has left.
 * @throws AppError `ACTION_NOT_GRANTED` or `APPROVAL_REFUSED`
 */
export async function voteOn(context: ServerContext, voting: Voting): Promise<Approval> {
  const { id, caller, vote, reason } = voting
  for (;;) {
    const { row, shown } = await lookAt(context, id, caller)
    demandApprover(shown, caller)
    const { sub, email } = caller
    const votes = [...shown.votes, { sub, email, vote, reason, atMs: context.clock.nowMs() }]
    const state = stateAfter(votes, shown.count)
    if (await addVote(context, row, { votes, state })) return { ...shown, votes, state }
  }
}

function maySee(approval: Approval, caller: Me): boolean {
  return approval.requester.sub === caller.sub || caller.roles.includes('auditor') || isApprover(approval, caller)
}

function isApprover({ approvers }: Approval, caller: Me): boolean {
  const names = namesOf(caller)
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

function stateAfter(votes: Approval['votes'], count: number): Approval['state'] {
  if (votes.some(({ vote }) => vote === 'reject')) return 'rejected'
  return votes.length >= count ? 'approved' : 'pending'
}
