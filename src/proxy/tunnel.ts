import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { createApiClient, type HttpSend } from '../api/client.ts'
import { closeSession, type OpenSessionReply, type SessionDocument, sessionDocument } from '../api/session.ts'
import type { Entry, SessionClosed } from '../audit/entry.ts'
import type { AppError } from '../base/app-error.ts'
import { newId } from '../base/id.ts'
import type { Clock, Log, Random } from '../base/ports.ts'
import { Secret } from '../base/secret.ts'
import { loadParser } from '../engines/postgres/sql/parser.ts'
import { openBundle } from '../policy/bundle.ts'
import { verifySigned } from '../policy/signed-document.ts'
import { ClientConnection } from './client-connection.ts'
import { Judge } from './judge.ts'
import { type Listener, listenLocally, type PortChoice } from './listener.ts'
import { Spool, type SpoolOptions } from './spool.ts'
import { Standing } from './standing.ts'
import type { TunnelWorld } from './tunnel-world.ts'
import { Uploader, uploadLeftovers } from './uploader.ts'

/** What opening a tunnel takes. */
export interface TunnelOptions {
  readonly opened: OpenSessionReply
  /** The server, as it was pinned at login. */
  readonly server: {
    readonly url: string
    readonly tenant: string
    readonly signingKey: Readonly<Record<string, string>>
  }
  readonly stateDirectory: string
  readonly about: { readonly host: string; readonly osUser: string; readonly program: string }
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly send: HttpSend
  /** Newest bundle version seen from this server; an older one is refused. */
  readonly atLeastVersion: number
  /** Told of every entry as it is recorded. */
  readonly onEntry?: (entry: Entry) => void
  /** Told once, when the session ends for a reason other than `close`. */
  readonly onEnded?: (why: string) => void
}

/** A guarded way to one database, for as long as its session lasts. */
export interface Tunnel {
  readonly document: SessionDocument
  readonly user: 'hoop'
  readonly password: Secret
  readonly policyVersion: number
  /** The last connection that could not be opened, and why. */
  readonly lastFailure: AppError | null
  /** Opens the local port. */
  listen(choice: PortChoice): Promise<number>
  /** Takes a stream as a client: `hoop exec` has no port. */
  attach(client: Duplex): void
  /** Entries that have not reached the server yet. */
  readonly waiting: number
  /** Ends the session: connections, record, upload, lease. Never rejects. */
  close(why?: SessionClosed['why']): Promise<void>
}

const maxSpoolBytes = 512 * 1024 * 1024
const maxClients = 100
const flushMs = 5_000

/**
 * Opens a tunnel for a session the server has granted: verifies what was signed, starts the spool, and begins to beat.
 * @throws AppError
 */
export async function openTunnel(options: TunnelOptions): Promise<Tunnel> {
  const { opened, server } = options
  const document = await verifySigned(opened.document, server.signingKey, {
    kind: 'hoop-session',
    schema: sessionDocument,
  })
  const policy = await openBundle(opened.bundle, server.signingKey, {
    tenant: server.tenant,
    atLeastVersion: Math.max(options.atLeastVersion, document.policyVersion),
  })
  await loadParser()
  const spoolOptions: SpoolOptions = {
    directory: join(options.stateDirectory, 'spool'),
    durability: document.connection.durability,
    maxBytes: maxSpoolBytes,
    log: options.log,
  }
  const spool = Spool.create(
    { stream: document.stream, session: document.session, server: server.url, uploadKey: opened.uploadKey },
    spoolOptions,
  )
  return new OpenTunnel(options, { document, spool, spoolOptions, judge: new Judge(document, policy, options.clock) })
}

interface Parts {
  readonly document: SessionDocument
  readonly spool: Spool
  readonly spoolOptions: SpoolOptions
  readonly judge: Judge
}

class OpenTunnel implements Tunnel {
  readonly document: SessionDocument
  readonly user = 'hoop'
  readonly password: Secret
  readonly #options: TunnelOptions
  readonly #parts: Parts
  readonly #uploader: Uploader
  readonly #standing: Standing
  readonly #connections = new Set<ClientConnection>()
  readonly #world: TunnelWorld
  #listeners: Listener[] = []
  #lastNumber = 0
  #closing: Promise<void> | null = null
  lastFailure: AppError | null = null

  constructor(options: TunnelOptions, parts: Parts) {
    this.#options = options
    this.#parts = parts
    this.document = parts.document
    this.password = new Secret(Buffer.from(options.random.bytes(20)).toString('base64url'))
    this.#uploader = new Uploader(parts.spool, options)
    const api = createApiClient(options.server.url, options.send, async () => `Stream ${options.opened.uploadKey}`)
    this.#standing = new Standing({ ...options, ...parts, api, ended: (why) => this.#ended(why) })
    this.#world = this.#makeWorld(api)
    this.#record(this.#opening())
    this.#uploader.start()
    this.#standing.start()
    // What earlier processes left is brought in beside the work; it never holds anything up.
    uploadLeftovers(parts.spoolOptions, options, flushMs).catch((error: unknown) => {
      options.log.warn('what earlier sessions left could not be uploaded', { error })
    })
  }

  get policyVersion(): number {
    return this.#parts.judge.policy.version
  }

  get waiting(): number {
    return this.#parts.spool.waitingCount
  }

  async listen(choice: PortChoice): Promise<number> {
    const listener = await listenLocally(choice, (socket) => this.attach(socket))
    this.#listeners.push(listener)
    return listener.port
  }

  attach(client: Duplex): void {
    if (this.#closing || this.#connections.size >= maxClients) {
      client.destroy()
      return
    }
    this.#lastNumber += 1
    this.#connections.add(new ClientConnection(this.#world, client, this.#lastNumber))
  }

  close(why: SessionClosed['why'] = 'client'): Promise<void> {
    this.#closing ??= this.#close(why)
    return this.#closing
  }

  async #close(why: SessionClosed['why']): Promise<void> {
    const { spool } = this.#parts
    this.#standing.stop()
    await Promise.all(this.#listeners.map((listener) => listener.close()))
    for (const connection of this.#connections) connection.end('the session is over')
    const { clock, random } = this.#options
    this.#record({
      kind: 'session.closed',
      v: 1,
      id: newId('evt', clock, random),
      session: this.document.session,
      atMs: clock.nowMs(),
      why,
    })
    await new Promise((resolve) => setImmediate(resolve))
    const hasArrived = await this.#uploader.flush(flushMs).catch(() => false)
    await this.#uploader.stop()
    if (!hasArrived)
      this.#options.log.warn('some records have not reached the server; the next hoop command sends them')
    // The session ends by itself when this is not heard; then its role is dropped by the server's sweeper.
    await this.#standing.tellClosed(closeSession).catch(() => undefined)
    spool.close()
  }

  #ended(why: string): void {
    for (const connection of this.#connections) connection.end(why)
    this.#options.onEnded?.(why)
  }

  #record(entry: Entry): number {
    const seq = this.#parts.spool.append(entry)
    this.#options.onEntry?.(entry)
    return seq
  }

  #opening(): Entry {
    const { document } = this
    const { principal, connection } = document
    return {
      kind: 'session.opened',
      v: 1,
      id: newId('evt', this.#options.clock, this.#options.random),
      session: document.session,
      atMs: this.#options.clock.nowMs(),
      actor: { kind: principal.kind, sub: principal.sub, email: principal.email },
      groups: principal.groups,
      connection: connection.name,
      environment: connection.environment,
      database: connection.database,
      role: document.role,
      placement: connection.placement,
      reason: document.reason,
      ticket: document.ticket,
      ...this.#options.about,
    }
  }

  #makeWorld(api: ReturnType<typeof createApiClient>): TunnelWorld {
    const { document } = this
    const { judge, spool } = this.#parts
    const { clock, random, log, server, opened } = this.#options
    const { kind, sub, email } = document.principal
    return {
      clock,
      random,
      log,
      user: this.user,
      password: this.password,
      databases: [document.connection.database, document.connection.name, this.user],
      lease: opened.lease,
      spool,
      approver: { api, document, tenant: server.tenant, signingKey: server.signingKey },
      guardSession: {
        session: document.session,
        actor: { kind, sub, email },
        connection: document.connection.name,
        reason: document.reason,
        ticket: document.ticket,
      },
      analyse: (sql, catalog) => judge.analyse(sql, catalog),
      decide: (facts, approved) => judge.decide(facts, approved),
      standing: () => this.#standing.now(),
      catalog: judge.catalog,
      applicationName: (client) =>
        `hoop:${document.session.slice(-8)} ${client.replace(/[^\x20-\x7e]/g, '?')}`.trim().slice(0, 63),
      record: (entry) => this.#record(entry),
      cancel: (key) => [...this.#connections].find((connection) => connection.key.equals(key))?.cancel(),
      failed: (error) => {
        this.lastFailure = error
      },
      closed: (connection) => this.#connections.delete(connection),
    }
  }
}
