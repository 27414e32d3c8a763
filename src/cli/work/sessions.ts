import type { ApiClient } from '../../api/client.ts'
import {
  listSessions as listSessionsRoute,
  type SessionSummary,
  stopSession as stopSessionRoute,
} from '../../api/session.ts'
import type { Listing } from '../output/listing.ts'
import { clockTime, isoTime, relativeTime } from '../output/when.ts'

/** The caller's sessions, newest first; administrators get everybody's. */
export async function listSessions(
  api: ApiClient,
  state: 'live' | 'ended' | 'all',
): Promise<readonly SessionSummary[]> {
  const { sessions } = await api.call(listSessionsRoute, { query: state === 'all' ? {} : { state } })
  return sessions.toSorted((a, b) => b.openedAtMs - a.openedAtMs)
}

/** Ends a session wherever its proxy runs. */
export async function stopSession(api: ApiClient, id: string, reason: string): Promise<void> {
  await api.call(stopSessionRoute, { params: { id }, body: { reason } })
}

export function sessionListing(items: readonly SessionSummary[], nowMs: number): Listing<SessionSummary> {
  return {
    name: 'sessions',
    items,
    columns: [
      { key: 'id', title: 'ID', value: ({ id }) => id },
      { key: 'connection', title: 'CONNECTION', value: ({ connection }) => connection },
      { key: 'email', title: 'WHO', value: ({ email }) => email },
      { key: 'program', title: 'BY', value: ({ program }) => program },
      { key: 'state', title: 'STATE', value: ({ state }) => state },
      {
        key: 'openedAt',
        title: 'OPENED',
        value: ({ openedAtMs }) => isoTime(openedAtMs),
        show: ({ openedAtMs }) => relativeTime(openedAtMs, nowMs),
      },
      {
        key: 'endsAt',
        title: 'ENDS',
        value: ({ endsAtMs }) => isoTime(endsAtMs),
        show: ({ endsAtMs, state }) => (state === 'live' ? clockTime(endsAtMs) : '-'),
      },
      { key: 'reason', title: 'REASON', value: ({ reason }) => reason },
    ],
  }
}
