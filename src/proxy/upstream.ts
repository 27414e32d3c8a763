import { connect, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { Lease } from '../api/session.ts'
import { AppError } from '../base/app-error.ts'
import type { Random } from '../base/ports.ts'
import { Secret } from '../base/secret.ts'
import { createUpstreamHandshake, type UpstreamHandshakeEffect } from '../engines/postgres/guard/upstream-handshake.ts'
import { encodeCancelRequest } from '../engines/postgres/wire/startup.ts'
import { WireError } from '../engines/postgres/wire/wire-error.ts'

/** A connection to the database that has logged in. */
export interface Upstream {
  readonly socket: Socket | TLSSocket
  readonly parameters: ReadonlyMap<string, string>
  readonly backendKey: Uint8Array | null
  readonly backendPid: number
  /** Bytes that came in behind the login. */
  readonly rest: Buffer
}

export interface DialOptions {
  readonly lease: Lease
  readonly application: string
  readonly settings: ReadonlyMap<string, string>
  readonly random: Random
}

const dialLimitMs = 15_000

/** Connects and logs in. @throws AppError `DATABASE_UNREACHABLE` */
export async function dialUpstream(options: DialOptions): Promise<Upstream> {
  const { lease } = options
  const socket = await open(lease)
  const handshake = createUpstreamHandshake({
    user: lease.user,
    password: new Secret(lease.password),
    database: lease.database,
    application: options.application,
    settings: options.settings,
    sslmode: lease.tls.sslmode,
    encryptable: !lease.host.startsWith('/'),
    random: options.random,
  })
  return new Promise((resolve, reject) => {
    let current: Socket | TLSSocket = socket
    const limit = setTimeout(() => fail(unreachable('it did not answer the login in time')), dialLimitMs)
    const fail = (error: AppError): void => {
      clearTimeout(limit)
      current.destroy()
      reject(error)
    }
    const onEnd = (): void => fail(unreachable('it closed the connection'))
    const onError = (error: Error): void => fail(unreachable(error.message, error))
    const onData = (chunk: Buffer): void => {
      try {
        perform(handshake.fromServer(chunk))
      } catch (error) {
        fail(unreachable(error instanceof WireError ? error.message : 'it broke the protocol', error))
      }
    }
    const attach = (next: Socket | TLSSocket): void => {
      current = next
      next.on('data', onData).on('end', onEnd).on('error', onError)
    }
    const detach = (): void => {
      current.off('data', onData).off('end', onEnd).off('error', onError)
    }
    const perform = (effects: readonly UpstreamHandshakeEffect[]): void => {
      for (const effect of effects) {
        if (effect.kind === 'send') current.write(effect.bytes)
        else if (effect.kind === 'failed') fail(effect.error)
        else if (effect.kind === 'upgrade-tls') {
          detach()
          const secure = upgrade(socket, lease)
          attach(secure)
          secure.once('secureConnect', () => perform(handshake.secured(null)))
        } else {
          clearTimeout(limit)
          detach()
          current.pause()
          resolve({ ...effect, socket: current })
        }
      }
    }
    attach(socket)
    perform(handshake.start())
  })
}

/** Asks the database to cancel what the connection with this key is doing. Whether it heard is not known: nor is it with libpq. */
export async function cancelUpstream(lease: Lease, key: Uint8Array): Promise<void> {
  const socket = await open(lease)
  socket.on('error', () => undefined)
  socket.end(encodeCancelRequest(key))
}

function open({ host, port }: Lease): Promise<Socket> {
  const socket = host.startsWith('/')
    ? connect(`${host}/.s.PGSQL.${port}`)
    : connect({ host, port, noDelay: true, keepAlive: true })
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => socket.destroy(new Error('it did not answer in time')), dialLimitMs)
    const onError = (error: Error): void => {
      clearTimeout(limit)
      reject(unreachable(error.message, error))
    }
    socket.once('error', onError)
    socket.once('connect', () => {
      clearTimeout(limit)
      socket.off('error', onError)
      resolve(socket)
    })
  })
}

/** TLS as libpq's sslmode means it: `require` checks nothing unless an authority is given. */
function upgrade(socket: Socket, { host, tls }: Lease): TLSSocket {
  const isChecked = tls.sslmode === 'verify-ca' || tls.sslmode === 'verify-full' || tls.ca !== undefined
  return connectTls({
    socket,
    host,
    ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    rejectUnauthorized: isChecked,
    ...(tls.sslmode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
  })
}

function unreachable(why: string, cause?: unknown): AppError {
  return new AppError('DATABASE_UNREACHABLE', `Cannot reach the database: ${why}`, {
    cause,
    ran: 'nothing',
    hint: 'Check the network to the database (VPN?), or ask whoever runs the hoop server',
  })
}
