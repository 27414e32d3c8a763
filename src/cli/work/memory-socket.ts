import { type Duplex, duplexPair } from 'node:stream'

/** Two ends of a connection inside this process: what one writes the other reads. */
export interface MemorySocket {
  /** With the methods of a socket that a PostgreSQL driver calls; they have nothing to do here. */
  readonly client: Duplex
  readonly server: Duplex
}

export function memorySocket(): MemorySocket {
  // As with a socket, the end of one direction is the end of both, and a side that is gone is gone for the other one too.
  const [client, server] = duplexPair({ allowHalfOpen: false })
  client.on('close', () => server.destroy())
  server.on('close', () => client.push(null))
  const nothing = (): Duplex => client
  Object.assign(client, {
    connect: () => {
      process.nextTick(() => client.emit('connect'))
      return client
    },
    setNoDelay: nothing,
    setKeepAlive: nothing,
    setTimeout: nothing,
    ref: nothing,
    unref: nothing,
  })
  return { client, server }
}
