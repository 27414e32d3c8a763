import { createServer, type Server, type Socket } from 'node:net'
import { AppError } from '../base/app-error.ts'

/** The local port: both loopback families, or none, so that nobody else can sit on the other one. */
export interface Listener {
  readonly port: number
  close(): Promise<void>
}

/** How a port is chosen: this one, any, or the first free one from `sticky` on. */
export type PortChoice = { readonly exactly: number } | { readonly sticky: number }

const families = ['127.0.0.1', '::1'] as const
const stickyTries = 20

/** @throws AppError `PORT_IN_USE` when the port, or every one tried, is taken */
export async function listenLocally(choice: PortChoice, accept: (socket: Socket) => void): Promise<Listener> {
  const ports =
    'exactly' in choice ? [choice.exactly] : Array.from({ length: stickyTries }, (_, at) => choice.sticky + at)
  for (const port of ports) {
    const listener = await tryPort(port, accept)
    if (listener) return listener
  }
  throw new AppError('PORT_IN_USE', `Cannot listen on port ${ports[0]}: something else listens there`, {
    hint: 'Choose another with --port, or --port 0 for any free one',
    ran: 'nothing',
  })
}

async function tryPort(port: number, accept: (socket: Socket) => void): Promise<Listener | null> {
  const servers: Server[] = []
  let bound = port
  for (const host of families) {
    const server = createServer({ noDelay: true, keepAlive: true }, accept)
    const outcome = await bind(server, host, bound)
    if (outcome === 'unsupported' && host === '::1') continue
    if (outcome !== 'bound') {
      await closeAll(servers)
      return null
    }
    servers.push(server)
    const address = server.address()
    if (typeof address === 'object' && address) bound = address.port
  }
  return { port: bound, close: () => closeAll(servers) }
}

function bind(server: Server, host: string, port: number): Promise<'bound' | 'taken' | 'unsupported'> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve('taken')
      else if (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT') resolve('unsupported')
      else reject(new AppError('LOCAL_STATE', `Cannot listen on ${host}: ${error.message}`, { cause: error }))
    })
    server.listen({ host, port, exclusive: true }, () => resolve('bound'))
  })
}

async function closeAll(servers: readonly Server[]): Promise<void> {
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
}
