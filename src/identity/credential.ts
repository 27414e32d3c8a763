import { z } from 'zod'
import type { Clock } from '../base/ports.ts'
import { loginFailed } from './issuer.ts'

/** The tokens of one person at one server. */
export const credential = z.strictObject({
  refreshToken: z.string().min(1),
  accessToken: z.string().min(1),
  /** When the access token came and when it ends, by the clock of this machine. */
  accessObtainedAtMs: z.int(),
  accessEndsAtMs: z.int(),
  /** When signing in ends for good. */
  endsAtMs: z.int(),
})

export type Credential = z.infer<typeof credential>

/** One on-call shift: the server lets no sign-in live longer. */
const shiftMs = 12 * 3_600_000
/** For an issuer that does not say how long its access tokens live. */
const usualLifeS = 300

/** The tokens of a reply, with the times they end. @throws AppError `LOGIN_FAILED` when one is missing */
export function credentialOf(
  tokens: {
    readonly access_token?: string
    readonly refresh_token?: string | undefined
    readonly expires_in?: number | undefined
  },
  clock: Clock,
  before?: Credential,
): Credential {
  const refreshToken = tokens.refresh_token ?? before?.refreshToken
  if (!tokens.access_token || !refreshToken) throw loginFailed('the sign-in service gave no tokens')
  const nowMs = clock.nowMs()
  return {
    refreshToken,
    accessToken: tokens.access_token,
    accessObtainedAtMs: nowMs,
    accessEndsAtMs: nowMs + (tokens.expires_in ?? usualLifeS) * 1_000,
    endsAtMs: before?.endsAtMs ?? nowMs + shiftMs,
  }
}
