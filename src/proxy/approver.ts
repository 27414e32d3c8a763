import { approvalReceipt, followApproval, requestApproval, spendApproval, withdrawApproval } from '../api/approval.ts'
import type { ApiClient } from '../api/client.ts'
import type { SessionDocument } from '../api/session.ts'
import { AppError } from '../base/app-error.ts'
import type { HoldOutcome, HoldRequest } from '../engines/postgres/guard/effect.ts'
import { approvalDigest } from '../policy/approval.ts'
import { verifySigned } from '../policy/signed-document.ts'

/** Takes held statements to the server and brings back what became of them. */
export interface ApproverPorts {
  readonly api: ApiClient
  readonly document: SessionDocument
  readonly tenant: string
  readonly signingKey: Readonly<Record<string, string>>
}

/** One request under way. */
export interface Asking {
  withdraw(): void
}

/** Told when the request exists, and when it is over. */
export interface AskingListener {
  opened(request: { readonly id: string; readonly url: string; readonly approveWith: string }): void
  settled(outcome: HoldOutcome): void
}

const waitS = 20
const restMs = 1_000

/** Asks for an approval of exactly this statement, and spends it before saying that it may run. */
export function askApproval(ports: ApproverPorts, request: HoldRequest, listener: AskingListener): Asking {
  const state = { isWithdrawn: false, id: '' }
  follow(ports, request, { listener, state }).catch((error: unknown) => {
    if (state.isWithdrawn) return
    listener.settled({ kind: 'failed', message: error instanceof Error ? error.message : 'no reason given' })
  })
  return {
    withdraw() {
      state.isWithdrawn = true
      if (state.id === '') return
      const params = { id: ports.document.session, request: state.id }
      // Not heard: the request expires by itself, and nothing waits for it here any more.
      ports.api.call(withdrawApproval, { params }).catch(() => undefined)
    },
  }
}

interface Following {
  readonly listener: AskingListener
  readonly state: { isWithdrawn: boolean; id: string }
}

async function follow(ports: ApproverPorts, request: HoldRequest, { listener, state }: Following): Promise<void> {
  const { session } = ports.document
  const digest = digestOf(ports, request)
  const opened = await ports.api.call(requestApproval, {
    params: { id: session },
    body: { ...request, params: [...request.params], approvers: [...request.approvers] },
  })
  state.id = opened.id
  if (state.isWithdrawn) {
    await ports.api.call(withdrawApproval, { params: { id: session, request: opened.id } })
    return
  }
  if (opened.digest !== digest)
    throw new AppError('SERVER_MISTRUSTED', 'Cannot use the request: it is bound to another statement')
  listener.opened({ id: opened.id, url: opened.url, approveWith: `hoop approvals approve ${opened.id}` })
  for (;;) {
    const answer = await patiently(ports, opened.id)
    if (state.isWithdrawn) return
    if (answer === null || answer.state === 'pending') continue
    listener.settled(await outcomeOf(ports, { id: opened.id, digest }, answer))
    return
  }
}

/** The state, or null when the server did not answer: it may be back before the request runs out. */
async function patiently(
  ports: ApproverPorts,
  request: string,
): Promise<{ readonly state: string; readonly by: string; readonly reason: string } | null> {
  try {
    return await ports.api.call(followApproval, { params: { id: ports.document.session, request }, query: { waitS } })
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'SERVER_UNREACHABLE') throw error
    await new Promise((resolve) => setTimeout(resolve, restMs))
    return null
  }
}

async function outcomeOf(
  ports: ApproverPorts,
  { id, digest }: { readonly id: string; readonly digest: string },
  answer: { readonly state: string; readonly by: string; readonly reason: string },
): Promise<HoldOutcome> {
  switch (answer.state) {
    case 'approved': {
      const params = { id: ports.document.session, request: id }
      const { receipt } = await ports.api.call(spendApproval, { params, body: { digest } })
      const spent = await verifySigned(receipt, ports.signingKey, { kind: 'hoop-approval', schema: approvalReceipt })
      if (spent.request !== id || spent.digest !== digest || spent.session !== ports.document.session) {
        throw new AppError('SERVER_MISTRUSTED', 'Cannot use the approval: it is for something else')
      }
      return { kind: 'approved', request: id, approvers: spent.approvers }
    }
    case 'rejected':
      return { kind: 'rejected', request: id, by: answer.by, reason: answer.reason }
    case 'expired':
      return { kind: 'expired', request: id }
    default:
      return { kind: 'failed', message: `the request is ${answer.state}` }
  }
}

function digestOf({ tenant, document }: ApproverPorts, request: HoldRequest): string {
  return approvalDigest({
    tenant,
    session: document.session,
    requester: document.principal.sub,
    connection: document.connection.name,
    database: document.connection.database,
    role: document.role,
    searchPath: request.searchPath,
    sql: request.sql,
    params: request.params,
  })
}
