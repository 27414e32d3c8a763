import type { Configuration, default as Provider } from 'oidc-provider'
import { AppError } from '../../base/app-error.ts'
import { audienceOf, cliClientId, issuerOf, type ServerContext } from '../context.ts'
import { OidcAdapter } from './oidc-adapter.ts'

/** Seconds: an access token is short because groups are not in it; a refresh token lasts one on-call shift. */
const accessTokenS = 300
const shiftS = 12 * 3_600

/** The server's own OIDC issuer: authorization code with PKCE for the command, and nothing else. */
export async function createIssuer(context: ServerContext): Promise<Provider> {
  const { default: OidcProvider } = await importQuietly()
  const issuer = new OidcProvider(issuerOf(context), configuration(context))
  issuer.on('server_error', (_ctx, error) => context.log.error('issuer failed', { error }))
  return issuer
}

function configuration(context: ServerContext): Configuration {
  const audience = audienceOf(context)
  return {
    adapter: (kind: string) => new OidcAdapter(kind, context.store, context.clock),
    clients: [
      {
        client_id: cliClientId,
        client_name: 'hoop command',
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        id_token_signed_response_alg: 'ES256',
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        // Any port: RFC 8252 §7.3.
        redirect_uris: ['http://127.0.0.1/callback'],
      },
    ],
    jwks: { keys: [context.keys.issuerJwk as never] },
    cookies: { keys: [...context.keys.cookieKeys] },
    claims: { openid: ['sub', 'email', 'name'] },
    conformIdTokenClaims: false,
    scopes: ['openid'],
    pkce: { required: () => true },
    responseTypes: ['code'],
    interactions: { url: (_ctx, interaction) => `/sign-in/${interaction.uid}` },
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    ttl: {
      AccessToken: accessTokenS,
      AuthorizationCode: 60,
      IdToken: accessTokenS,
      Interaction: 600,
      Grant: shiftS,
      RefreshToken: shiftS,
      Session: shiftS,
    },
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      revocation: { enabled: true },
      resourceIndicators: resourceIndicators(audience),
    },
    findAccount: async (_ctx, sub) => {
      const person = context.people.find(sub)
      return person && { accountId: sub, claims: async () => ({ sub, email: person.email, name: person.name }) }
    },
  }
}

/** Access tokens are JWTs (RFC 9068) for this API alone. */
function resourceIndicators(
  audience: string,
): NonNullable<NonNullable<Configuration['features']>['resourceIndicators']> {
  return {
    enabled: true,
    defaultResource: () => audience,
    useGrantedResource: () => true,
    getResourceServerInfo: (_ctx, resource) => {
      if (resource !== audience) throw new AppError('USAGE', 'Cannot give a token: the resource is not this server')
      return {
        scope: 'api',
        audience,
        accessTokenTTL: accessTokenS,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }
    },
  }
}

/** The package says at import that Node 20 is not supported. It is tested here; the line would only worry people. */
async function importQuietly(): Promise<typeof import('oidc-provider')> {
  const { warn, info } = globalThis.console
  const silence = () => undefined
  Object.assign(globalThis.console, { warn: silence, info: silence })
  try {
    return await import('oidc-provider')
  } finally {
    Object.assign(globalThis.console, { warn, info })
  }
}
