import type { Duplex } from 'node:stream'
import pg from 'pg'
import type { NoticeMessage } from 'pg-protocol/dist/messages.js'
import type { AppError } from '../../base/app-error.ts'
import type { Secret } from '../../base/secret.ts'
import { encodeCancelRequest } from '../../engines/postgres/wire/startup.ts'
import { memorySocket } from './memory-socket.ts'
import { Statement, type StatementLimits, type StatementResult } from './statement.ts'

/** How to get in: the local credentials of one session. */
export interface StatementClientOptions {
  /** Takes the far end of a new connection. */
  readonly attach: (server: Duplex) => void
  readonly user: string
  readonly database: string
  readonly password: Secret
  readonly application: string
}

/** One connection through the guard, without a port: the driver talks to the tunnel inside this process. */
export class StatementClient {
  readonly #options: StatementClientOptions
  readonly #client: pg.Client
  readonly #socket: Duplex
  /** Why the connection broke; undefined while it stands. */
  #broken: unknown

  private constructor(options: StatementClientOptions) {
    const { client, server } = memorySocket()
    this.#options = options
    this.#socket = client
    this.#client = new pg.Client({
      stream: () => client,
      user: options.user,
      database: options.database,
      password: options.password.reveal(),
      application_name: options.application,
      ssl: false,
    })
    this.#client.on('error', (error) => {
      this.#broken ??= error
    })
    options.attach(server)
  }

  /** Connects and signs in; rejects with what the far end said. */
  static async open(options: StatementClientOptions): Promise<StatementClient> {
    const opened = new StatementClient(options)
    await opened.#client.connect()
    return opened
  }

  /** What the database says aside: NOTICE, WARNING, INFO. */
  onNotice(listener: (notice: NoticeMessage) => void): void {
    this.#client.on('notice', (notice) => listener(notice))
  }

  /** True while a transaction of the statements' own is open. */
  get isInTransaction(): boolean {
    const status = this.#client.getTransactionStatus()
    return status === 'T' || status === 'E'
  }

  /** Runs one statement. Rejects with the far end's error, or with why the connection broke. */
  async run(sql: string, limits: StatementLimits): Promise<StatementResult> {
    if (this.#broken !== undefined) throw this.#broken
    return this.#client.query(new Statement(sql, limits)).done
  }

  /** Asks for the statement under way to be cancelled; the answer comes to whoever waits for that statement. */
  cancel(): void {
    const { client, server } = memorySocket()
    // The server answers a cancel by closing.
    client.on('error', () => undefined)
    this.#options.attach(server)
    client.write(encodeCancelRequest(keyOf(this.#client)))
    client.resume()
  }

  /** Says goodbye; an open transaction is rolled back. */
  async close(): Promise<void> {
    if (this.#broken === undefined) await this.#client.end()
    this.#socket.destroy()
  }

  /** Drops the connection as a crash would. */
  abandon(why: AppError): void {
    this.#broken ??= why
    this.#socket.destroy(why)
  }
}

/** The key the connection was given, as it came: process id, then secret. */
function keyOf(client: pg.Client): Uint8Array {
  const { processID, secretKey } = client as pg.Client & { readonly processID: number; readonly secretKey: number }
  const key = Buffer.alloc(8)
  key.writeInt32BE(processID, 0)
  key.writeInt32BE(secretKey, 4)
  return key
}
