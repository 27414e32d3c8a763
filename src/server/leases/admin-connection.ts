import { Socket } from 'node:net'
import pg from 'pg'
import { AppError } from '../../base/app-error.ts'
import type { StoredConnection } from '../connections/connection-store.ts'
import { tlsOptions } from './tls-options.ts'

/** The one way the server itself goes to a database: as the admin of a connection, for one piece of work. */
export interface AdminWork {
  readonly connection: StoredConnection
  /** Ends the work where it stands. */
  readonly signal?: AbortSignal | undefined
}

const connectLimitMs = 10_000
const statementLimitMs = 10_000
const answerLimitMs = 15_000
const goodbyeLimitMs = 1_000

/**
 * Logs in, works, and leaves, in bounded time whatever the other side does.
 * @throws AppError `DATABASE_UNREACHABLE`
 */
export async function asAdmin<T>(about: AdminWork, work: (client: pg.Client) => Promise<T>): Promise<T> {
  try {
    const opened = await open(about)
    try {
      return await work(opened.client)
    } finally {
      await opened.close()
    }
  } catch (error) {
    throw unreachable(about.connection.name, error)
  }
}

/** Runs statements, all of them or none. */
export async function inTransaction(client: pg.Client, statements: readonly string[]): Promise<void> {
  await client.query('begin')
  try {
    for (const statement of statements) await client.query(statement)
    await client.query('commit')
  } catch (error) {
    // The first failure is the one to tell; a connection that is gone has rolled back by itself.
    await client.query('rollback').catch(() => undefined)
    throw error
  }
}

interface Opened {
  readonly client: pg.Client
  close(): Promise<void>
}

async function open({ connection, signal }: AdminWork): Promise<Opened> {
  const tls = tlsOptions(connection.tls, connection.host)
  try {
    return await dial(connection, tls, signal)
  } catch (error) {
    // What `prefer` means: encrypted where the server can, else not.
    const cannotEncrypt = error instanceof Error && error.message === 'The server does not support SSL connections'
    if (connection.tls.sslmode !== 'prefer' || !cannotEncrypt) throw error
    return dial(connection, false, signal)
  }
}

async function dial(
  { host, port, database, credentials }: StoredConnection,
  ssl: ReturnType<typeof tlsOptions>,
  signal: AbortSignal | undefined,
): Promise<Opened> {
  if (credentials.kind !== 'lease')
    throw new AppError('UNEXPECTED', 'Cannot administer: the connection has no admin role')
  signal?.throwIfAborted()
  const socket = new Socket()
  const stop = (): void => void socket.destroy(new Error('the hoop server is stopping'))
  signal?.addEventListener('abort', stop, { once: true })
  const client = new pg.Client({
    ...{ host, port, database, ssl, stream: () => socket },
    user: credentials.adminUser,
    password: credentials.adminPassword,
    application_name: 'hoop:server',
    connectionTimeoutMillis: connectLimitMs,
    statement_timeout: statementLimitMs,
    query_timeout: answerLimitMs,
  })
  // An error between queries ends the next one with its cause; without a listener it would end the process.
  client.on('error', () => undefined)
  const close = async (): Promise<void> => {
    signal?.removeEventListener('abort', stop)
    const limit = setTimeout(() => socket.destroy(), goodbyeLimitMs)
    // Nobody waits for what a goodbye would have told.
    await client.end().catch(() => undefined)
    clearTimeout(limit)
    socket.destroy()
  }
  try {
    await client.connect()
    return { client, close }
  } catch (error) {
    socket.destroy()
    signal?.removeEventListener('abort', stop)
    throw error
  }
}

function unreachable(name: string, error: unknown): AppError {
  if (error instanceof AppError) return error
  return new AppError('DATABASE_UNREACHABLE', `Cannot prepare a role at "${name}": ${whyOf(error)}`, {
    cause: error,
    hint: 'Ask whoever runs the hoop server to look at this connection',
    ran: 'nothing',
  })
}

function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return 'no reason given'
  const code = 'code' in error ? String(error.code) : ''
  // Class 28: it would name the admin, whom users need not know.
  if (/^28/.test(code)) return `it does not let the hoop server in (${code})`
  return error.message || code || error.name
}
