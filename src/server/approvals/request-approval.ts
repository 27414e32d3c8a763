import type { ApprovalInput } from '../../api/approval.ts'
import { AppError } from '../../base/app-error.ts'
import { approvalDigest } from '../../policy/approval.ts'
import type { ServerContext } from '../context.ts'
import { standingOf } from '../sessions/end-session.ts'
import type { StoredSession } from '../sessions/session-store.ts'
import type { Tables } from '../store/tables.ts'
import { addApproval, countPending } from './approval-store.ts'

/** More than that waiting at once is not somebody's work. */
const mostPending = 50
/** More than that is not looked at by anybody. */
const longestInput = 1_000_000

/** Opens a request for a statement of a session; the server says for itself what it is bound to. */
export async function createApproval(
  context: ServerContext,
  session: StoredSession,
  input: ApprovalInput,
): Promise<Tables['approvals']> {
  const { state, why } = await standingOf(context, session)
  if (state === 'ended')
    throw new AppError('STATEMENT_STOPPED', `Cannot ask for an approval: the session is over (${why})`)
  await demandRule(context, input)
  const text = JSON.stringify(input)
  if (text.length > longestInput) throw refuse('the statement and its parameters are too long to be looked at')
  if ((await countPending(context, session.id)) >= mostPending)
    throw refuse(`${mostPending} requests of this session are waiting already`)
  const { connection } = session.document
  const nowMs = context.clock.nowMs()
  return addApproval(context, {
    session: session.id,
    requester: session.sub,
    input: text,
    connection: connection.name,
    environment: connection.environment,
    digest: digestOf(context, session, input),
    state: 'pending',
    votes: '[]',
    created_at_ms: nowMs,
    expires_at_ms: nowMs + context.config.approvalForS * 1_000,
  })
}

/** Who may answer is the rule's to say, not the asking side's. */
async function demandRule(context: ServerContext, { rule: id, approvers, count }: ApprovalInput): Promise<void> {
  const { compiled } = await context.policies.current()
  const annotations = compiled.rules.get(id)?.annotations
  const named = (annotations?.['approvers'] ?? '').split(',').map((who) => who.trim())
  const isSame = named.length === approvers.length && named.every((who) => approvers.includes(who))
  if (annotations?.['approvers'] && isSame && count >= (Number(annotations['count'] ?? 1) || 1)) return
  throw refuse(`rule "${id}" of the policy in force does not ask these people`, 'Send the statement again')
}

function digestOf({ config }: ServerContext, session: StoredSession, input: ApprovalInput): string {
  const { searchPath, sql, params } = input
  const { connection, role } = session.document
  try {
    return approvalDigest({
      tenant: config.tenant,
      session: session.id,
      requester: session.sub,
      connection: connection.name,
      database: connection.database,
      role,
      ...{ searchPath, sql, params },
    })
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new AppError('USAGE', 'Cannot ask for an approval: the statement is not well-formed Unicode', {
      cause: error,
    })
  }
}

function refuse(why: string, hint?: string): AppError {
  return new AppError('APPROVAL_REFUSED', `Cannot ask for an approval: ${why}`, {
    ran: 'nothing',
    ...(hint ? { hint } : {}),
  })
}
