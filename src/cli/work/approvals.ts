import {
  type Approval,
  getApproval as getApprovalRoute,
  listApprovals as listApprovalsRoute,
  voteApproval as voteApprovalRoute,
} from '../../api/approval.ts'
import type { ApiClient } from '../../api/client.ts'
import type { Listing } from '../output/listing.ts'
import { isoTime, relativeTime } from '../output/when.ts'

/** The caller's inbox and own requests, newest first. */
export async function listApprovals(api: ApiClient, state: Approval['state'] | 'all'): Promise<readonly Approval[]> {
  const { approvals } = await api.call(listApprovalsRoute, { query: state === 'all' ? {} : { state } })
  return approvals.toSorted((a, b) => b.createdAtMs - a.createdAtMs)
}

export async function getApproval(api: ApiClient, id: string): Promise<Approval> {
  return api.call(getApprovalRoute, { params: { id } })
}

/** Says yes or no to one request; answers with what became of it. */
export async function voteOnApproval(
  api: ApiClient,
  id: string,
  vote: { readonly vote: 'approve' | 'reject'; readonly reason: string },
): Promise<Approval> {
  return api.call(voteApprovalRoute, { params: { id }, body: vote })
}

/** What became of a request, in one line. */
export function outcomeLine(approval: Approval): string {
  const given = approval.votes.filter(({ vote }) => vote === 'approve').length
  switch (approval.state) {
    case 'approved':
    case 'spent':
      return `✓ ${approval.id} is approved: this exact SQL, once.`
    case 'pending':
      return `✓ Recorded. ${approval.id} has ${given} of ${approval.count} approvals.`
    case 'rejected':
      return `✓ ${approval.id} is rejected. Nothing of it runs.`
    case 'withdrawn':
    case 'expired':
      return `${approval.id} is ${approval.state}: it can no longer be approved.`
    default:
      return approval.state satisfies never
  }
}

export function approvalListing(items: readonly Approval[], nowMs: number): Listing<Approval> {
  return {
    name: 'approvals',
    items,
    columns: [
      { key: 'id', title: 'ID', value: ({ id }) => id },
      { key: 'who', title: 'WHO', value: ({ requester }) => requester.email },
      { key: 'connection', title: 'WHERE', value: ({ connection }) => connection },
      { key: 'sql', title: 'WHAT', value: ({ sql }) => sql, show: ({ sql }) => sql.replace(/\s+/g, ' ').slice(0, 60) },
      { key: 'state', title: 'STATE', value: ({ state }) => state },
      {
        key: 'createdAt',
        title: 'ASKED',
        value: ({ createdAtMs }) => isoTime(createdAtMs),
        show: ({ createdAtMs }) => relativeTime(createdAtMs, nowMs),
      },
      {
        key: 'expiresAt',
        title: 'EXPIRES',
        value: ({ expiresAtMs }) => isoTime(expiresAtMs),
        show: ({ expiresAtMs, state }) => (state === 'pending' ? relativeTime(expiresAtMs, nowMs) : '-'),
      },
    ],
  }
}
