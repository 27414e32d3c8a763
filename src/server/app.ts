import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import cookie from '@fastify/cookie'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import fastify, { type FastifyInstance } from 'fastify'
import { getDiscovery, getMe } from '../api/server.ts'
import { AppError } from '../base/app-error.ts'
import type { Clock, Log, Random } from '../base/ports.ts'
import { registerApprovals } from './approvals/routes.ts'
import { registerAuditLog } from './audit-log/routes.ts'
import { createIssuer } from './auth/oidc-issuer.ts'
import { configuredPeople } from './auth/people.ts'
import { registerSignIn, type SignInMethod } from './auth/sign-in-routes.ts'
import { type ServerConfig, storeOf } from './config.ts'
import { createConnectionStore } from './connections/connection-store.ts'
import { registerConnections } from './connections/routes.ts'
import { audienceOf, cliClientId, issuerOf, type ServerContext } from './context.ts'
import { registerRoute } from './http/register-route.ts'
import { openSeal } from './keys/seal.ts'
import { loadServerKeys } from './keys/server-keys.ts'
import { createPolicyStore } from './policies/policy-store.ts'
import { registerPolicies } from './policies/routes.ts'
import { registerSessions } from './sessions/routes.ts'
import { createSessionStore } from './sessions/session-store.ts'
import { startSweeper } from './sessions/sweeper.ts'
import { openStore } from './store/open-store.ts'

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

const bodyLimitBytes = 32 * 1024 * 1024

/**
 * Starts a server: store, keys, issuer, routes, sweeper.
 * @throws AppError `CONFIG_INVALID`, `LOCAL_STATE` or `PORT_IN_USE`
 */
export async function startServer(config: ServerConfig, ports: ServerPorts): Promise<RunningServer> {
  if (!ports.signIn) {
    throw new AppError('CONFIG_INVALID', 'Cannot start the server: nobody could sign in', {
      hint: 'An identity provider behind the server is to come; hoop demo shows the rest',
    })
  }
  const seal = openSeal(join(config.dataDir, 'server.key'))
  const store = await openStore(storeOf(config))
  const app = fastify({
    bodyLimit: bodyLimitBytes,
    trustProxy: config.url?.startsWith('https:') ?? false,
    forceCloseConnections: true,
  })
  try {
    const url = await listen(
      app,
      config,
      async (address) => {
        const keys = await loadServerKeys(store, seal)
        const context: ServerContext = {
          config,
          url: config.url?.replace(/\/$/, '') ?? address,
          version: ports.version,
          isDemo: ports.isDemo,
          store,
          seal,
          keys,
          clock: ports.clock,
          random: ports.random,
          log: ports.log,
          people: configuredPeople(config),
          connections: createConnectionStore(store, seal),
          policies: createPolicyStore({ store, keys, clock: ports.clock, tenant: config.tenant }),
          sessions: createSessionStore(store, ports.clock),
        }
        return context
      },
      ports.signIn,
    )
    return url
  } catch (error) {
    await app.close()
    await store.close()
    throw error
  }
}

/** The port is taken first, because the issuer's name holds it; nothing is answered until everything is registered. */
async function listen(
  app: FastifyInstance,
  config: ServerConfig,
  prepare: (address: string) => Promise<ServerContext>,
  signIn: SignInMethod,
): Promise<RunningServer> {
  const { host, port } = config.listen
  const free = port === 0 ? await freePort(host) : port
  const shown = host === '127.0.0.1' || host === '0.0.0.0' ? '127.0.0.1' : host
  const context = await prepare(`http://${shown}:${free}`)
  await register(app, context, signIn)
  try {
    await app.listen({ host, port: free })
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    throw new AppError(
      isTaken ? 'PORT_IN_USE' : 'LOCAL_STATE',
      `Cannot listen on ${host}:${free}: ${isTaken ? 'the port is in use' : String(error)}`,
      {
        cause: error,
        hint: 'Stop what listens there, or choose another port',
      },
    )
  }
  const sweeper = startSweeper(context)
  return {
    url: context.url,
    async close() {
      await sweeper.stop()
      await app.close()
      await context.store.close()
    },
  }
}

async function register(app: FastifyInstance, context: ServerContext, signIn: SignInMethod): Promise<void> {
  await app.register(helmet, { contentSecurityPolicy: false })
  await app.register(cookie)
  await app.register(rateLimit, { max: 6_000, timeWindow: '1 minute' })
  app.addContentTypeParser('application/x-www-form-urlencoded', (request, payload, done) => {
    // The issuer reads its own bodies.
    if (request.url.startsWith('/oidc/')) return done(null)
    let body = ''
    payload.on('data', (chunk: Buffer) => {
      if (body.length < 65_536) body += chunk.toString('utf8')
    })
    payload.on('end', () => done(null, new URLSearchParams(body)))
  })
  app.get('/healthz', async () => ({ ok: true, version: context.version }))
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
  registerSignIn(app, context, await createIssuer(context), signIn)
  registerConnections(app, context)
  registerPolicies(app, context)
  registerSessions(app, context)
  registerApprovals(app, context)
  registerAuditLog(app, context)
}

async function freePort(host: string): Promise<number> {
  const { createServer } = await import('node:net')
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, host, resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}
