import type { Duplex } from 'node:stream'
import { AppError } from '../base/app-error.ts'
import type { GuardEffect, HoldId } from '../engines/postgres/guard/effect.ts'
import { type ClientStartup, createLocalHandshake } from '../engines/postgres/guard/local-handshake.ts'
import type { Guard, GuardPorts } from '../engines/postgres/guard/port.ts'
import { createPostgresGuard } from '../engines/postgres/guard/postgres-guard.ts'
import { encodeFatal } from '../engines/postgres/guard/refusal.ts'
import { WireError } from '../engines/postgres/wire/wire-error.ts'
import { type ApproverPorts, type Asking, askApproval } from './approver.ts'
import { Outlet } from './outlet.ts'
import type { Spool } from './spool.ts'
import type { TunnelWorld } from './tunnel-world.ts'
import { cancelUpstream, dialUpstream, type Upstream } from './upstream.ts'

/**
 * One client and its upstream: bytes in, effects out, effects done. It knows sockets, the guard knows statements; neither
 * knows what the other does.
 */
export class ClientConnection {
  readonly #world: TunnelWorld
  readonly #client: Duplex
  readonly #clientOutlet: Outlet
  readonly #number: number
  /** Links of the spool by the guard's tickets. */
  readonly #seqs: number[] = [0]
  readonly #askings = new Map<HoldId, Asking>()
  readonly key: Buffer
  #upstream: Upstream | null = null
  #serverOutlet: Outlet | null = null
  #guard: Guard | null = null
  #isClosed = false
  #stopListening: () => void

  constructor(world: TunnelWorld, client: Duplex, number: number) {
    this.#world = world
    this.#client = client
    this.#number = number
    this.key = Buffer.from(world.random.bytes(8))
    this.#clientOutlet = new Outlet(client, () => world.spool.committedSeq)
    this.#stopListening = this.#listenToSpool(world.spool)
    this.#greet()
  }

  /** Ends the connection for a reason of ours, told to the client. */
  end(message: string): void {
    if (this.#guard) this.#perform(this.#guard.end(message))
    else this.#close()
  }

  /** A CancelRequest with this connection's key came in. */
  cancel(): void {
    if (this.#guard) this.#perform(this.#guard.cancel())
  }

  #greet(): void {
    const { world, client } = { world: this.#world, client: this.#client }
    const handshake = createLocalHandshake({
      password: world.password,
      user: world.user,
      databases: world.databases,
      tls: false,
      random: world.random,
    })
    const onData = (chunk: Buffer): void => {
      try {
        for (const effect of handshake.fromClient(chunk)) {
          if (effect.kind === 'send') client.write(effect.bytes)
          else if (effect.kind === 'cancel') world.cancel(Buffer.from(effect.key))
          else if (effect.kind === 'failed') world.log.warn('a client gave a wrong password', { client: this.#number })
          else if (effect.kind === 'close') client.end()
          else if (effect.kind === 'authenticated') {
            client.off('data', onData)
            client.pause()
            this.#dial(effect.startup, effect.rest).catch((error: unknown) => this.#refuse(error))
          }
        }
      } catch (error) {
        if (!(error instanceof WireError)) throw error
        // Not PostgreSQL: there is nobody to explain it to.
        this.#close()
      }
    }
    client.on('data', onData)
    client.on('error', () => this.#peerGone('client'))
    client.on('close', () => this.#peerGone('client'))
    client.on('end', () => this.#peerGone('client'))
  }

  async #dial(startup: ClientStartup, rest: Buffer): Promise<void> {
    const { world } = this
    const upstream = await dialUpstream({
      lease: world.lease,
      application: world.applicationName(startup.application),
      settings: startup.settings,
      random: world.random,
    })
    if (this.#isClosed) {
      upstream.socket.destroy()
      return
    }
    this.#upstream = upstream
    this.#serverOutlet = new Outlet(upstream.socket, () => world.spool.committedSeq)
    this.#guard = createPostgresGuard(this.#portsOf(startup), upstream, { key: this.key, startup })
    upstream.socket.on('data', (chunk: Buffer) => this.#fromServer(chunk))
    upstream.socket.on('error', () => this.#peerGone('server'))
    upstream.socket.on('close', () => this.#peerGone('server'))
    this.#client.on('data', (chunk: Buffer) => this.#fromClient(chunk))
    this.#client.on('drain', () => this.#balance())
    upstream.socket.on('drain', () => this.#balance())
    this.#perform(this.#guard.open())
    if (upstream.rest.length > 0) this.#fromServer(upstream.rest)
    if (rest.length > 0) this.#fromClient(rest)
    upstream.socket.resume()
    this.#client.resume()
  }

  get world(): TunnelWorld {
    return this.#world
  }

  #portsOf(startup: ClientStartup): GuardPorts {
    const { world } = this
    return {
      clock: world.clock,
      random: world.random,
      session: { ...world.guardSession, clientNumber: this.#number, application: startup.application },
      analyse: world.analyse,
      decide: world.decide,
      standing: world.standing,
      catalog: world.catalog,
    }
  }

  #fromClient(chunk: Buffer): void {
    if (this.#guard && !this.#isClosed) this.#perform(this.#guard.fromClient(chunk))
  }

  #fromServer(chunk: Buffer): void {
    if (this.#guard && !this.#isClosed) this.#perform(this.#guard.fromServer(chunk))
  }

  #perform(effects: readonly GuardEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'record':
          this.#seqs[effect.ticket] = this.#world.record(effect.entry)
          break
        case 'send': {
          const outlet = effect.to === 'client' ? this.#clientOutlet : this.#serverOutlet
          outlet?.write(effect.bytes, this.#seqs[effect.after] ?? 0)
          break
        }
        case 'hold':
          this.#hold(this.#world.approver, effect)
          break
        case 'withdraw':
          this.#askings.get(effect.hold)?.withdraw()
          this.#askings.delete(effect.hold)
          break
        case 'cancel-upstream':
          this.#cancelUpstream()
          break
        case 'close':
          this.#finish()
          break
        default:
          effect satisfies never
      }
    }
    this.#balance()
  }

  #hold(ports: ApproverPorts, { hold, request }: Extract<GuardEffect, { kind: 'hold' }>): void {
    const asking = askApproval(ports, request, {
      opened: (opened) => this.#guard && this.#perform(this.#guard.holdOpened(hold, opened)),
      settled: (outcome) => {
        this.#askings.delete(hold)
        if (this.#guard) this.#perform(this.#guard.holdSettled(hold, outcome))
      },
    })
    this.#askings.set(hold, asking)
  }

  #cancelUpstream(): void {
    const key = this.#upstream?.backendKey
    // Without a key (some managed proxies give none) there is nothing to cancel with, and the client's wait goes on.
    if (key) cancelUpstream(this.#world.lease, key).catch(() => undefined)
  }

  /** A peer that is slow to read stops the other from being read. */
  #balance(): void {
    const server = this.#upstream?.socket
    if (!server || this.#isClosed) return
    if (this.#clientOutlet.isCongested) server.pause()
    else if (server.isPaused()) server.resume()
    if (this.#serverOutlet?.isCongested) this.#client.pause()
    else if (this.#client.isPaused()) this.#client.resume()
  }

  #listenToSpool(spool: Spool): () => void {
    return spool.listen({
      committed: () => {
        this.#clientOutlet.flush()
        this.#serverOutlet?.flush()
        this.#balance()
      },
      failed: (error) => {
        this.#clientOutlet.drop()
        this.#serverOutlet?.drop()
        if (this.#guard) this.#performFailed(this.#guard.recordingFailed(error.message))
      },
    })
  }

  /** Records cannot be written any more, so what the guard says now is told without them. */
  #performFailed(effects: readonly GuardEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'send' && effect.to === 'client') this.#clientOutlet.write(effect.bytes, 0)
      if (effect.kind === 'withdraw') this.#askings.get(effect.hold)?.withdraw()
    }
    this.#finish()
  }

  #refuse(error: unknown): void {
    const known =
      error instanceof AppError ? error : new AppError('UNEXPECTED', 'Cannot open the connection', { cause: error })
    if (!(error instanceof AppError)) this.#world.log.error('a connection could not be opened', { error })
    if (!this.#isClosed) this.#client.end(encodeFatal('08001', `hoop: ${known.message}`))
    this.#world.failed(known)
  }

  #peerGone(side: 'client' | 'server'): void {
    if (this.#isClosed) return
    if (!this.#guard) return this.#close()
    this.#perform(this.#guard.peerGone(side))
    if (side === 'client') this.#close()
  }

  /** Everything said, then the end. */
  #finish(): void {
    this.#clientOutlet.whenEmpty(() => {
      this.#client.end()
      this.#serverOutlet?.whenEmpty(() => this.#close())
    })
  }

  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#stopListening()
    for (const asking of this.#askings.values()) asking.withdraw()
    this.#upstream?.socket.end()
    // The client has been told the reason; a moment later it is cut off, whether it has read it or not.
    setTimeout(() => {
      this.#upstream?.socket.destroy()
      this.#client.destroy()
    }, 500).unref()
    this.#client.end()
    this.#world.closed(this)
  }
}
