import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApiClient } from '../api/client.ts'
import { connectionInput, putConnection } from '../api/connection.ts'
import { pushPolicy } from '../api/policy.ts'
import { AppError } from '../base/app-error.ts'
import type { Log } from '../base/ports.ts'
import { httpSend } from '../identity/http-send.ts'
import { signIn } from '../identity/sign-in.ts'
import { systemClock, systemRandom } from '../identity/system-clock.ts'
import { type RunningServer, startServer } from '../server/app.ts'
import type { ServerConfig } from '../server/config.ts'
import { clickToSignIn, demoPeople, demoRoles } from './demo-people.ts'
import { type LocalPostgres, startLocalPostgres } from './local-postgres.ts'
import { clickThrough } from './scripted-browser.ts'
import { seedShop, shopDatabase } from './seed-shop.ts'

/** A database, a server and a policy, all on loopback and all gone when it stops. */
export interface Demo {
  readonly url: string
  readonly postgres: LocalPostgres
  stop(): Promise<void>
  /** Stops the server and starts it again, on the same port and data. */
  restartServer(): Promise<void>
  stopServer(): Promise<void>
}

export interface DemoOptions {
  readonly version: string
  readonly log: Log
  /** Port to prefer; another one is taken when it is in use. */
  readonly port: number
  /** Told as each part is up. */
  readonly onStep: (what: string) => void
}

export const demoConnection = 'prod-db'

/** Starts everything and sets it up the way an admin would: through the API, signed in through the real flow. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const postgres = await startLocalPostgres()
  const dataDir = mkdtempSync(join(tmpdir(), 'hoop-demo-'))
  let server: RunningServer | undefined
  const stop = async (): Promise<void> => {
    await server?.close()
    await postgres.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
  try {
    await seedShop(postgres)
    options.onStep('database')
    server = await startOnFreePort(options, dataDir)
    await setUp(server.url, postgres)
    options.onStep('server')
  } catch (error) {
    await stop()
    throw error
  }
  const { url } = server
  const port = Number(new URL(url).port)
  return {
    url,
    postgres,
    stop,
    async stopServer() {
      await server?.close()
      server = undefined
    },
    async restartServer() {
      await server?.close()
      server = await start(options, configOf(dataDir, port))
    },
  }
}

async function startOnFreePort(options: DemoOptions, dataDir: string): Promise<RunningServer> {
  try {
    return await start(options, configOf(dataDir, options.port))
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'PORT_IN_USE') throw error
    return start(options, configOf(dataDir, 0))
  }
}

function start({ version, log }: DemoOptions, config: ServerConfig): Promise<RunningServer> {
  return startServer(config, {
    version,
    log,
    clock: systemClock,
    random: systemRandom,
    signIn: clickToSignIn,
    isDemo: true,
  })
}

function configOf(dataDir: string, port: number): ServerConfig {
  return {
    listen: { host: '127.0.0.1', port },
    tenant: 'demo',
    dataDir,
    store: { kind: 'sqlite' },
    identity: { people: demoPeople.map(({ note: _note, ...person }) => person) },
    roles: { ...demoRoles },
    abandonedAfterS: 120,
    approvalForS: 600,
  }
}

async function setUp(url: string, postgres: LocalPostgres): Promise<void> {
  const admin = await signIn({
    server: url,
    clock: systemClock,
    present: (address) => clickThrough(address, 'approver'),
  })
  const api = createApiClient(url, httpSend, async () => `Bearer ${admin.credential.accessToken}`)
  await api.call(pushPolicy, { body: { files: demoPolicy() } })
  const body = connectionInput.parse({
    name: demoConnection,
    engine: 'postgres',
    environment: 'prod',
    host: postgres.host,
    port: postgres.port,
    database: shopDatabase,
    tls: { sslmode: 'disable' },
    credentials: {
      kind: 'lease',
      adminUser: postgres.user,
      adminPassword: postgres.password.reveal(),
      template: 'shop_work',
    },
  })
  await api.call(putConnection, { params: { name: demoConnection }, body })
}

/** The policy folder of the demo, as it stands beside this file. */
function demoPolicy(): Record<string, string> {
  const folder = join(import.meta.dirname, 'policies')
  return Object.fromEntries(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'utf8')]))
}

/** A path nobody else uses, for what must not outlive a demo. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), `hoop-tour-${randomBytes(3).toString('hex')}-`))
}
