import { AppError } from '../base/app-error.ts'
import { changeConfig } from './contexts.ts'
import { demandSafe } from './http-send.ts'
import type { OpenContext } from './session-client.ts'

/** Ends the sign-in at the server and here. Out of reach, it ends here, and the error says until when the tokens live. */
export async function logOut({ name, context, paths, credentials }: OpenContext): Promise<void> {
  const credential = await credentials.read()
  const failure = credential ? await revoke(context.issuer, context.clientId, credential.refreshToken) : null
  await credentials.remove()
  changeConfig(paths, ({ current, contexts }) => {
    const { [name]: _gone, ...others } = contexts
    return { ...(current !== undefined && current !== name ? { current } : {}), contexts: others }
  })
  if (failure && credential) {
    throw new AppError('SERVER_UNREACHABLE', 'Signed out here, but the server could not be told', {
      cause: failure,
      hint: `Until ${new Date(credential.endsAtMs).toISOString()} the tokens would still be taken by it`,
    })
  }
}

async function revoke(issuerUrl: string, clientId: string, refreshToken: string): Promise<unknown> {
  const oidc = await import('openid-client')
  const issuer = demandSafe(issuerUrl)
  try {
    const config = await oidc.discovery(issuer, clientId, {}, oidc.None(), {
      execute: issuer.protocol === 'http:' ? [oidc.allowInsecureRequests] : [],
    })
    await oidc.tokenRevocation(config, refreshToken)
    return null
  } catch (error) {
    return error
  }
}
