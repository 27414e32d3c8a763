import { encodeBackendKeyData, encodeParameterStatus, encodeReadyForQuery } from '../wire/backend-messages.ts'
import { WireError } from '../wire/wire-error.ts'
import { readCatalog } from './catalog-reader.ts'
import { ClientHalf } from './client-half.ts'
import { Core } from './core.ts'
import type { GuardEffect, HoldId, HoldOutcome, Side } from './effect.ts'
import type { ClientStartup } from './local-handshake.ts'
import type { Guard, GuardPorts } from './port.ts'
import { ServerHalf } from './server-half.ts'

/** What logging in at the database gave. */
export interface UpstreamSession {
  readonly parameters: ReadonlyMap<string, string>
  readonly backendPid: number
}

/**
 * The guard of one connection. `clientKey` is the BackendKeyData the client gets: ours, not the server's, so that a
 * CancelRequest comes to us.
 */
export function createPostgresGuard(
  ports: GuardPorts,
  upstream: UpstreamSession,
  client: { readonly key: Uint8Array; readonly startup: ClientStartup },
): Guard {
  return new PostgresGuard(ports, upstream, client)
}

class PostgresGuard implements Guard {
  readonly #core: Core
  readonly #client: ClientHalf
  readonly #server: ServerHalf
  readonly #upstream: UpstreamSession
  readonly #clientKey: Uint8Array
  #early: Buffer[] | null = []

  constructor(
    ports: GuardPorts,
    upstream: UpstreamSession,
    client: { readonly key: Uint8Array; readonly startup: ClientStartup },
  ) {
    this.#core = new Core(ports, client.startup, upstream.backendPid)
    this.#client = new ClientHalf(this.#core)
    this.#server = new ServerHalf(this.#core)
    this.#upstream = upstream
    this.#clientKey = client.key
  }

  open(): readonly GuardEffect[] {
    if (this.#core.ports.catalog.current()) this.#welcome()
    else {
      readCatalog(this.#core, (failed) => {
        if (failed === null) this.#welcome()
        else this.#core.fatal('58000', `the catalog of the database could not be read (${failed})`)
      })
    }
    return this.#core.outbox.take()
  }

  fromClient(chunk: Buffer): readonly GuardEffect[] {
    if (this.#early) {
      this.#early.push(Buffer.from(chunk))
      return []
    }
    return this.#guarded('client', () => this.#client.receive(chunk))
  }

  fromServer(chunk: Buffer): readonly GuardEffect[] {
    return this.#guarded('server', () => {
      this.#server.receive(chunk)
      this.#client.pump()
    })
  }

  holdOpened(hold: HoldId, request: { id: string; url: string; approveWith: string }): readonly GuardEffect[] {
    return this.#guarded('client', () => this.#client.holdOpened(hold, request))
  }

  holdSettled(hold: HoldId, outcome: HoldOutcome): readonly GuardEffect[] {
    return this.#guarded('client', () => this.#client.holdSettled(hold, outcome))
  }

  cancel(): readonly GuardEffect[] {
    return this.#guarded('client', () => {
      if (!this.#client.cancelHold()) this.#core.outbox.add({ kind: 'cancel-upstream' })
    })
  }

  end(message: string): readonly GuardEffect[] {
    return this.#guarded('client', () => {
      this.#client.abandon()
      this.#core.fatal('57P01', message)
    })
  }

  recordingFailed(message: string): readonly GuardEffect[] {
    return this.#guarded('client', () => {
      this.#client.abandon()
      this.#core.fatal('58030', `the audit record cannot be written, so nothing may run: ${message}`)
    })
  }

  peerGone(side: Side): readonly GuardEffect[] {
    if (this.#core.isClosed) return []
    return this.#guarded(side, () => {
      this.#client.abandon()
      if (side === 'server') return this.#core.fatal('57P01', 'the database closed the connection')
      this.#core.loseRuns()
      this.#core.close('client')
    })
  }

  /** Bytes that are not the protocol end the connection, and whoever sent them is named. */
  #guarded(blame: Side, work: () => void): readonly GuardEffect[] {
    if (this.#core.isClosed) return []
    try {
      work()
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      const who = blame === 'client' ? 'the client' : 'the database'
      this.#core.fatal('08P01', `${who} broke the protocol: ${error.message}`)
    }
    return this.#core.outbox.take()
  }

  /** Tells the client that it may begin. */
  #welcome(): void {
    const { outbox, startup } = this.#core
    for (const [name, value] of this.#upstream.parameters) {
      const shown = name === 'application_name' ? startup.application : value
      outbox.send('client', encodeParameterStatus(name, shown), 0)
    }
    outbox.send('client', encodeBackendKeyData(this.#clientKey), 0)
    outbox.send('client', encodeReadyForQuery('I'), 0)
    const early = this.#early ?? []
    this.#early = null
    for (const chunk of early) this.#client.receive(chunk)
  }
}
