import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { getDiscovery, getMe } from '../api/server.ts'
import { AppError } from '../base/app-error.ts'
import type { Clock, Log, Random } from '../base/ports.ts'
import { registerApprovals } from './approvals/routes.ts'
import { registerAuditLog } from './audit-log/routes.ts'
import { createIssuer } from './auth/oidc-issuer.ts'
import { checkPassword } from './auth/passwords.ts'
import { configuredPeople } from './auth/people.ts'
import { registerSignIn, type SignInMethod } from './auth/sign-in-routes.ts'
import { type ServerConfig, storeOf } from './config.ts'
import { createConnectionStore } from './connections/connection-store.ts'
import { registerConnections } from './connections/routes.ts'
import { audienceOf, cliClientId, issuerOf, type ServerContext } from './context.ts'
import { createApp } from './http/create-app.ts'
import { type Listening, listenOn } from './http/listening.ts'
import { registerRoute } from './http/register-route.ts'
import { openSeal, type Seal } from './keys/seal.ts'
import { loadServerKeys } from './keys/server-keys.ts'
import { createPolicyStore } from './policies/policy-store.ts'
import { registerPolicies } from './policies/routes.ts'
import { registerSessions } from './sessions/routes.ts'
import { createSessionStore } from './sessions/session-store.ts'
import { startSweeper } from './sessions/sweeper.ts'
import { openStore, type Store } from './store/open-store.ts'

/** What the root gives a server: the world, and how people sign in. */
export interface ServerPorts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly version: string
  /** Absent: nobody can sign in, and the server does not start. */
  readonly signIn: SignInMethod | undefined
  readonly isDemo: boolean
}

export interface RunningServer {
  /** Address people reach it at, without a slash at the end. */
  readonly url: string
  close(): Promise<void>
}

/**
 * Starts a server: port, store, keys, issuer, routes, sweeper.
 * @throws AppError `CONFIG_INVALID`, `LOCAL_STATE` or `PORT_IN_USE`, with nothing left open
 */
export async function startServer(config: ServerConfig, ports: ServerPorts): Promise<RunningServer> {
  const signIn = ports.signIn ?? passwordsOf(config)
  const listening = await listenOn(config.listen)
  let store: Store | undefined
  try {
    const seal = openSeal(join(config.dataDir, 'server.key'))
    store = await openStore(storeOf(config), ports.log)
    const context = await prepare(config, ports, { seal, store, address: listening.url })
    const app = await serve(listening, context, signIn)
    return running(listening, context, app)
  } catch (error) {
    listening.server.closeAllConnections()
    await listening.close()
    await store?.close()
    throw error
  }
}

/** Sign-in with the passwords of the config. @throws AppError `CONFIG_INVALID` when nobody has one */
function passwordsOf({ identity: { people } }: ServerConfig): SignInMethod {
  if (people.some(({ passwordHash }) => passwordHash)) {
    return { checkPassword: (email, password) => checkPassword(people, email, password) }
  }
  throw new AppError('CONFIG_INVALID', 'Cannot start the server: nobody could sign in, because nobody has a password', {
    hint: 'Give identity.people a passwordHash: hoop server password makes one',
  })
}

async function prepare(
  config: ServerConfig,
  ports: ServerPorts,
  world: { readonly seal: Seal; readonly store: Store; readonly address: string },
): Promise<ServerContext> {
  const { clock, random, log, version, isDemo } = ports
  const { seal, store, address } = world
  const keys = await loadServerKeys(store, seal)
  return {
    config,
    url: config.url?.replace(/\/$/, '') ?? address,
    version,
    isDemo,
    store,
    seal,
    keys,
    clock,
    random,
    log,
    people: configuredPeople(config),
    connections: createConnectionStore(store, seal),
    policies: createPolicyStore({ store, keys, clock, tenant: config.tenant }),
    sessions: createSessionStore(store, clock),
  }
}

async function serve(listening: Listening, context: ServerContext, method: SignInMethod): Promise<FastifyInstance> {
  const { app, serve } = await createApp(listening, {
    log: context.log,
    isBehindProxy: context.config.url?.startsWith('https:') ?? false,
  })
  registerHealth(app, context)
  registerServer(app, context)
  await registerSignIn(app, { context, issuer: await createIssuer(context), method })
  registerConnections(app, context)
  registerPolicies(app, context)
  registerSessions(app, context)
  registerApprovals(app, context)
  registerAuditLog(app, context)
  await serve()
  return app
}

function running(listening: Listening, context: ServerContext, app: FastifyInstance): RunningServer {
  const sweeper = startSweeper(context)
  const close = async (): Promise<void> => {
    await sweeper.stop()
    await listening.close()
    await app.close()
    await context.store.close()
  }
  let closing: Promise<void> | undefined
  return {
    url: context.url,
    close() {
      closing ??= close()
      return closing
    },
  }
}

/** For whatever watches the server: well only while its store answers. */
function registerHealth(app: FastifyInstance, { store, version, log }: ServerContext): void {
  app.get('/healthz', async (_request, reply) => {
    try {
      await store.db.selectFrom('keys').select('name').limit(1).execute()
      return { ok: true, version }
    } catch (error) {
      log.error('the store does not answer', { error })
      return reply.status(503).send({ ok: false, version })
    }
  })
}

/** What the server says of itself, and of whoever asks. */
function registerServer(app: FastifyInstance, context: ServerContext): void {
  registerRoute(app, context, {
    route: getDiscovery,
    handle: async () => ({
      name: 'hoop',
      version: context.version,
      tenant: context.config.tenant,
      issuer: issuerOf(context),
      audience: audienceOf(context),
      clientId: cliClientId,
      signingKey: { ...context.keys.publicJwk },
      demo: context.isDemo,
    }),
  })
  registerRoute(app, context, { route: getMe, handle: async ({ caller }) => caller })
}
