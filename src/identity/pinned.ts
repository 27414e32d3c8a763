import type { Discovery } from '../api/server.ts'
import { AppError } from '../base/app-error.ts'
import { canonicalJson } from '../base/canonical-json.ts'

/** What a server may not change after the first sign-in: who it is, who vouches for people there, what it signs with. */
export type Pinned = Pick<Discovery, 'tenant' | 'issuer' | 'signingKey'> & {
  /** Where it was kept. */
  readonly contextName: string
}

/** @throws AppError `SERVER_MISTRUSTED` when the server is not as it was */
export function demandPinned(server: string, now: Discovery, pinned: Pinned | undefined): void {
  if (!pinned) return
  const changed = [
    canonicalJson(pinned.signingKey) === canonicalJson(now.signingKey) ? [] : ['signs with another key'],
    pinned.issuer === now.issuer ? [] : ['sends people to another issuer'],
    pinned.tenant === now.tenant ? [] : ['is another tenant'],
  ].flat()
  if (changed.length === 0) return
  throw new AppError(
    'SERVER_MISTRUSTED',
    `Cannot trust ${server}: it ${changed.join(' and ')} than at your first sign-in`,
    {
      hint: `If its admin says that it was set up anew: hoop context rm ${pinned.contextName}`,
      ran: 'nothing',
    },
  )
}
