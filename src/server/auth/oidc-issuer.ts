import type { Configuration, default as Provider } from 'oidc-provider'
import { audienceOf, cliClientId, issuerOf, type ServerContext } from '../context.ts'
import { OidcAdapter } from './oidc-adapter.ts'
import { messagePage, pageHeaders } from './pages.ts'

/** Seconds: an access token is short because groups are not in it; a sign-in lasts one on-call shift, less when unused. */
const accessTokenS = 300
const shiftS = 12 * 3_600
const idleS = 8 * 3_600

type OidcModule = typeof import('oidc-provider')

/** The server's own OIDC issuer: authorization code with PKCE for the command, and nothing else. */
export async function createIssuer(context: ServerContext): Promise<Provider> {
  const { default: OidcProvider, errors } = await importQuietly()
  const issuer = new OidcProvider(issuerOf(context), configuration(context, errors))
  // What it names of itself comes from the headers that `canonicalRequest` sets, never from what a client sent.
  issuer.proxy = true
  issuer.on('server_error', (_ctx, error) => context.log.error('issuer failed', { error }))
  return issuer
}

function configuration(context: ServerContext, errors: OidcModule['errors']): Configuration {
  const { store, seal, clock } = context
  const alreadyUsed = () => new errors.InvalidGrant('it has been used already')
  return {
    adapter: (kind: string) => new OidcAdapter(kind, { store, seal, clock, alreadyUsed }),
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
    // No key of the client's is bound to it, so a stolen one must show: its second use ends the sign-in. A client that dies
    // between asking and saving signs in again.
    rotateRefreshToken: true,
    ttl: {
      AccessToken: accessTokenS,
      AuthorizationCode: 60,
      IdToken: accessTokenS,
      Interaction: 600,
      Grant: shiftS,
      RefreshToken: idleS,
      Session: shiftS,
    },
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      // A token bound to a key is worth more only where the API asks for the proof; until it does, none is given.
      dPoP: { enabled: false },
      revocation: { enabled: true, allowedPolicy: async (_ctx, client, token) => token.clientId === client.clientId },
      resourceIndicators: resourceIndicators(audienceOf(context), errors),
    },
    renderError: (ctx, out) => {
      ctx.set({ ...pageHeaders })
      ctx.body = messagePage('Not signed in', out.error_description ?? out.error)
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
  errors: OidcModule['errors'],
): NonNullable<NonNullable<Configuration['features']>['resourceIndicators']> {
  return {
    enabled: true,
    defaultResource: () => audience,
    useGrantedResource: () => true,
    getResourceServerInfo: (_ctx, resource) => {
      if (resource !== audience) throw new errors.InvalidTarget('the resource is not this server')
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

let imported: Promise<OidcModule> | undefined

/** The package says at import that Node 20 is not supported. It is tested here; the line would only worry people. */
function importQuietly(): Promise<OidcModule> {
  // Once: two at a time would each put back what they found, the second one the silence of the first.
  imported ??= withoutNotices(() => import('oidc-provider'))
  return imported
}

async function withoutNotices<T>(work: () => Promise<T>): Promise<T> {
  const { warn, info } = globalThis.console
  const silence = () => undefined
  Object.assign(globalThis.console, { warn: silence, info: silence })
  try {
    return await work()
  } finally {
    Object.assign(globalThis.console, { warn, info })
  }
}
