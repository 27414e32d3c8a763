import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { type ApiClient, createApiClient } from '../../src/api/client.ts'
import { openSession } from '../../src/api/session.ts'
import type { Entry } from '../../src/audit/entry.ts'
import type { Log } from '../../src/base/ports.ts'
import { clickThrough } from '../../src/demo/scripted-browser.ts'
import { type Demo, demoConnection, startDemo } from '../../src/demo/start-demo.ts'
import { httpSend } from '../../src/identity/http-send.ts'
import { type SignedIn, signIn } from '../../src/identity/sign-in.ts'
import { systemClock, systemRandom } from '../../src/identity/system-clock.ts'
import { openTunnel, type Tunnel } from '../../src/proxy/tunnel.ts'

/** A log that keeps what was said, for a test to look at. */
export function keptLog(): Log & { readonly lines: string[] } {
  const lines: string[] = []
  const keep = (message: string, fields?: unknown): void => {
    lines.push(`${message} ${JSON.stringify(fields ?? {})}`)
  }
  return { lines, debug: keep, info: keep, warn: keep, error: keep }
}

/** One of the demo's people, signed in through the real flow. */
export interface SignedInPerson {
  readonly signedIn: SignedIn
  readonly api: ApiClient
}

/** The demo's database and server, and ways to go through them. */
export interface Shop {
  readonly demo: Demo
  readonly log: ReturnType<typeof keptLog>
  as(who: 'developer' | 'approver' | 'auditor'): Promise<SignedInPerson>
  /** A tunnel of the developer's, with a client connected to its port. */
  connect(options?: ConnectOptions): Promise<OpenShopTunnel>
  /** A direct connection as superuser, past hoop. */
  direct(): Promise<pg.Client>
  stop(): Promise<void>
}

export interface ConnectOptions {
  readonly reason?: string
  readonly stateDirectory?: string
  readonly forS?: number
}

export interface OpenShopTunnel {
  readonly tunnel: Tunnel
  readonly port: number
  readonly entries: Entry[]
  readonly stateDirectory: string
  client(): Promise<pg.Client>
  close(): Promise<void>
}

export async function startShop(): Promise<Shop> {
  const log = keptLog()
  const demo = await startDemo({ version: 'test', log, port: 0, onStep: () => undefined })
  const closing: (() => Promise<unknown>)[] = []
  const as = async (who: string): Promise<SignedInPerson> => {
    const signedIn = await signIn({ server: demo.url, clock: systemClock, present: (url) => clickThrough(url, who) })
    return {
      signedIn,
      api: createApiClient(demo.url, httpSend, async () => `Bearer ${signedIn.credential.accessToken}`),
    }
  }
  return {
    demo,
    log,
    as,
    async connect(options = {}) {
      const opened = await connectAs(await as('developer'), { demo, log, options })
      closing.push(opened.close)
      return opened
    },
    async direct() {
      const { host, port, user, password } = demo.postgres
      const client = new pg.Client({ host, port, user, password: password.reveal(), database: 'shop' })
      client.on('error', () => undefined)
      await client.connect()
      closing.push(() => client.end())
      return client
    },
    async stop() {
      await Promise.all(closing.map((close) => close().catch(() => undefined)))
      await demo.stop()
    },
  }
}

async function connectAs(
  { signedIn, api }: SignedInPerson,
  world: { readonly demo: Demo; readonly log: Log; readonly options: ConnectOptions },
): Promise<OpenShopTunnel> {
  const { demo, log, options } = world
  const about = { host: 'test-host', osUser: 'tester', program: 'test' }
  const opened = await api.call(openSession, {
    body: {
      connection: demoConnection,
      reason: options.reason ?? 'a test',
      ticket: '',
      ...about,
      ...(options.forS === undefined ? {} : { forS: options.forS }),
    },
  })
  const stateDirectory = options.stateDirectory ?? mkdtempSync(join(tmpdir(), 'hoop-test-state-'))
  const entries: Entry[] = []
  const tunnel = await openTunnel({
    opened,
    server: { url: demo.url, tenant: signedIn.discovery.tenant, signingKey: signedIn.discovery.signingKey },
    stateDirectory,
    about,
    clock: systemClock,
    random: systemRandom,
    log,
    send: httpSend,
    atLeastVersion: 0,
    onEntry: (entry) => entries.push(entry),
  })
  const port = await tunnel.listen({ exactly: 0 })
  const clients: pg.Client[] = []
  return {
    tunnel,
    port,
    entries,
    stateDirectory,
    async client() {
      const client = new pg.Client({
        host: '127.0.0.1',
        port,
        user: 'hoop',
        password: tunnel.password.reveal(),
        database: 'shop',
      })
      client.on('error', () => undefined)
      await client.connect()
      clients.push(client)
      return client
    },
    async close() {
      await Promise.all(clients.map((client) => client.end().catch(() => undefined)))
      await tunnel.close()
      if (options.stateDirectory === undefined) rmSync(stateDirectory, { recursive: true, force: true })
    },
  }
}

/** Tries until `look` gives something, for at most `limitMs`. */
export async function eventually<T>(
  look: () => Promise<T | undefined | false> | T | undefined | false,
  limitMs = 10_000,
): Promise<T> {
  const deadline = performance.now() + limitMs
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    if (performance.now() > deadline) throw new Error('it did not happen in time')
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}
