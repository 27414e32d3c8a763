import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AppError } from '../../base/app-error.ts'

/** A port that has been taken. Requests wait until `answer` says who answers them. */
export interface Listening {
  readonly server: Server
  /** Where this machine reaches it. */
  readonly url: string
  answer(listener: RequestListener): void
  /** Takes no more requests, lets those under way finish for a while, then cuts them off. */
  close(): Promise<void>
}

/** Longest wait for requests under way: a held approval may follow for half a minute, and its proxy asks again by itself. */
const graceMs = 3_000
const requestLimitMs = 60_000

/**
 * Listens. This comes before everything else, because the issuer's name holds the port.
 * @throws AppError `PORT_IN_USE` or `LOCAL_STATE`
 */
export async function listenOn({ host, port }: { readonly host: string; readonly port: number }): Promise<Listening> {
  let answer: (listener: RequestListener) => void = () => undefined
  const answering = new Promise<RequestListener>((resolve) => {
    answer = resolve
  })
  const server = createServer({ requestTimeout: requestLimitMs }, (request, reply) => {
    void answering.then((listener) => listener(request, reply))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(cannotListen(host, port, error)))
    server.listen({ host, port }, resolve)
  })
  return { server, url: urlOf(server.address() as AddressInfo), answer, close: () => close(server) }
}

function urlOf({ address, family, port }: AddressInfo): string {
  if (address === '0.0.0.0') return `http://127.0.0.1:${port}`
  if (address === '::') return `http://[::1]:${port}`
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

function cannotListen(host: string, port: number, cause: Error & { readonly code?: string }): AppError {
  const isTaken = cause.code === 'EADDRINUSE'
  const why = isTaken ? 'the port is in use' : cause.message
  return new AppError(isTaken ? 'PORT_IN_USE' : 'LOCAL_STATE', `Cannot listen on ${host}:${port}: ${why}`, {
    cause,
    hint: 'Stop what listens there, or choose another port',
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs)
    server.close(() => {
      clearTimeout(cut)
      resolve()
    })
  })
}
