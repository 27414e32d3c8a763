import { AppError } from '../base/app-error.ts'
import { type Context, changeConfig, withoutContext } from './contexts.ts'
import type { Credential } from './credential.ts'
import { type CredentialStore, credentialLock } from './credential-store.ts'
import { withFileLock } from './file-lock.ts'
import { discoverIssuer } from './issuer.ts'
import type { Paths } from './paths.ts'

/** What is signed out of. */
export interface LogOutTarget {
  readonly name: string
  readonly context: Context
  readonly paths: Paths
  readonly credentials: CredentialStore
}

/**
 * Ends the sign-in at the server and here. Here it always ends, also when the server is out of reach or the credential cannot be
 * read; the error then says what is left elsewhere, and until when.
 */
export async function logOut(target: LogOutTarget): Promise<void> {
  const { name, paths } = target
  const problems = await withFileLock(credentialLock(paths, name), async () => {
    const revocation = await revokeStored(target)
    const removal = await failureOf(target.credentials.remove())
    return [...(revocation ? [revocation] : []), ...(removal ? [removal] : [])]
  })
  changeConfig(paths, (config) => withoutContext(config, name))
  const [problem] = problems
  if (problem) throw problem
}

/** Null when the server has ended the sign-in, or there was none. */
async function revokeStored({ context, credentials }: LogOutTarget): Promise<AppError | null> {
  let credential: Credential | undefined
  try {
    credential = await credentials.read()
  } catch (error) {
    // Damaged, or its key is out of reach: it goes all the same, and the server cannot be told which it was.
    const code = error instanceof AppError ? error.code : 'LOCAL_STATE'
    return new AppError(code, 'Signed out here, but the stored sign-in could not be read, so the server was not told', {
      cause: error,
      hint: 'The server ends it by itself, 12 hours after you signed in',
      ran: 'partly',
    })
  }
  if (!credential) return null
  const failure = await failureOf(revoke(context, credential))
  if (failure === null) return null
  return new AppError('SERVER_UNREACHABLE', 'Signed out here, but the server could not be told', {
    cause: failure,
    hint: `Until ${new Date(credential.endsAtMs).toISOString()} it would still take a copy of the tokens, if there is one`,
    ran: 'partly',
  })
}

async function revoke(context: Context, credential: Credential): Promise<void> {
  const oidc = await import('openid-client')
  await oidc.tokenRevocation(await discoverIssuer(context), credential.refreshToken, {
    token_type_hint: 'refresh_token',
  })
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
    return null
  } catch (error) {
    return error
  }
}
