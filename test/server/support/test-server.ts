import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ApiClient, createApiClient } from '../../../src/api/client.ts'
import { httpSend } from '../../../src/identity/http-send.ts'
import { systemClock, systemRandom } from '../../../src/identity/system-clock.ts'
import { type RunningServer, type ServerPorts, startServer } from '../../../src/server/app.ts'
import { readServerConfig, type ServerConfig, storeOf } from '../../../src/server/config.ts'
import { openSeal } from '../../../src/server/keys/seal.ts'
import { loadServerKeys, type ServerKeys } from '../../../src/server/keys/server-keys.ts'
import { openStore, type Store } from '../../../src/server/store/open-store.ts'
import { type RealPostgres, startPostgres } from '../../support/real-postgres.ts'
import { keptLog } from '../../support/shop.ts'
import { logIn, type Tokens } from './browser.ts'

/** Where a server under test keeps what it knows: both kinds are real. */
export type StoreKind = 'sqlite' | 'postgres'

export const storeKinds: readonly StoreKind[] = ['sqlite', 'postgres']

/** A server with three people, and a clock that the test may move. */
export interface TestServer {
  readonly url: string
  readonly dataDir: string
  readonly log: ReturnType<typeof keptLog>
  /** Moves the server's clock; the world around it stays. */
  passMs(ms: number): void
  /** Stops it and starts it again on the same port and data, with what is different now. */
  restart(different?: Partial<ServerConfig>): Promise<void>
  logIn(sub: string): Promise<Tokens>
  /** The API as somebody who has just signed in. */
  as(sub: string): Promise<ApiClient>
  /** Past the server, into its store. */
  inStore<T>(work: (store: Store, keys: ServerKeys) => Promise<T>): Promise<T>
  readonly postgres: RealPostgres | undefined
  stop(): Promise<void>
}

export const people = [
  { sub: 'ana', email: 'ana@example.com', name: 'Ana', groups: ['oncall'] },
  { sub: 'root', email: 'root@example.com', name: 'Root', groups: ['admins'] },
  { sub: 'eve', email: 'eve@example.com', name: 'Eve', groups: ['auditors'] },
]

export const signIn = byClick(people)

/** Sign-in by choosing who one is. */
function byClick(choices: ServerConfig['identity']['people']): NonNullable<ServerPorts['signIn']> {
  return { choices: choices.map(({ sub, name }) => ({ sub, label: name, note: '' })) }
}

export async function startTestServer(kind: StoreKind = 'sqlite', config: object = {}): Promise<TestServer> {
  const dataDir = mkdtempSync(join(tmpdir(), 'hoop-test-server-'))
  const postgres = kind === 'postgres' ? await startPostgres() : undefined
  const first = configOf({ dataDir, postgres, config })
  const log = keptLog()
  let skippedMs = 0
  const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + skippedMs }
  const choices = byClick(first.identity.people)
  const start = (wanted: ServerConfig): Promise<RunningServer> =>
    startServer(wanted, { clock, random: systemRandom, log, version: 'test', signIn: choices, isDemo: false })
  let server = await start(first)
  const { url } = server
  return {
    url,
    dataDir,
    log,
    passMs(ms) {
      skippedMs += ms
    },
    async restart(different = {}) {
      await server.close()
      server = await start({ ...first, listen: { host: '127.0.0.1', port: Number(new URL(url).port) }, ...different })
    },
    logIn: (sub) => logIn(url, sub),
    async as(sub) {
      const { accessToken } = await logIn(url, sub)
      return createApiClient(url, httpSend, async () => `Bearer ${accessToken}`)
    },
    postgres,
    async inStore(work) {
      const store = await openStore(storeOf(first), log)
      try {
        return await work(store, await loadServerKeys(store, openSeal(join(dataDir, 'server.key'))))
      } finally {
        await store.close()
      }
    },
    async stop() {
      await server.close()
      await postgres?.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

function configOf(about: { dataDir: string; postgres: RealPostgres | undefined; config: object }): ServerConfig {
  const { dataDir, postgres, config } = about
  const store = postgres ? { kind: 'postgres', url: postgres.url } : { kind: 'sqlite' }
  const input = {
    listen: { host: '127.0.0.1', port: 0 },
    tenant: 'acme',
    dataDir,
    store,
    identity: { people },
    roles: { admins: ['admin', 'policy-author'], auditors: ['auditor'] },
    ...config,
  }
  return readServerConfig(JSON.stringify(input), '/')
}
