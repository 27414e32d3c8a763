import { readdirSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import type { SessionDocument } from '../../src/api/session.ts'
import type { Entry } from '../../src/audit/entry.ts'
import type { Clock, Random } from '../../src/base/ports.ts'
import { Secret } from '../../src/base/secret.ts'
import type { LocalPostgres } from '../../src/demo/local-postgres.ts'
import type { GuardEffect, HoldRequest } from '../../src/engines/postgres/guard/effect.ts'
import type { Guard, GuardPorts } from '../../src/engines/postgres/guard/port.ts'
import { createPostgresGuard } from '../../src/engines/postgres/guard/postgres-guard.ts'
import { createUpstreamHandshake } from '../../src/engines/postgres/guard/upstream-handshake.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { Judge } from '../../src/proxy/judge.ts'

/** A clock that stands still and a randomness that repeats: the same input gives the same effects, byte for byte. */
export function frozenWorld(): { readonly clock: Clock; readonly random: Random } {
  let drawn = 0
  return {
    clock: { nowMs: () => 1_790_000_000_000, monotonicMs: () => 1_000 },
    random: { bytes: (size) => Uint8Array.from({ length: size }, () => (drawn++ * 31) % 251) },
  }
}

export function demoPolicyFiles(): Record<string, string> {
  const folder = join(import.meta.dirname, '../../src/demo/policies')
  return Object.fromEntries(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'utf8')]))
}

export const testDocument: SessionDocument = {
  v: 1,
  session: 'ses_TEST',
  stream: 'str_TEST',
  issuedAtMs: 0,
  endsAtMs: 3_600_000,
  principal: { kind: 'user', sub: 'developer', email: 'developer@shop.example', groups: ['developers'] },
  connection: {
    name: 'prod-db',
    environment: 'prod',
    database: 'shop',
    onMaskedUse: 'refuse',
    placement: 'local',
    durability: 'process',
    offlineForS: 900,
  },
  grants: [],
  reason: '',
  ticket: '',
  role: 'shop_work',
  policyDigest: '',
  policyVersion: 1,
}

/** A guard under the demo's policy, with nothing around it. */
export function newGuard(judge?: Judge): { readonly guard: Guard; readonly judge: Judge } {
  const { clock, random } = frozenWorld()
  const used = judge ?? new Judge(testDocument, compilePolicy(demoPolicyFiles(), 1), clock)
  const ports: GuardPorts = {
    clock,
    random,
    session: {
      session: testDocument.session,
      actor: { kind: 'user', sub: 'developer', email: 'developer@shop.example' },
      connection: 'prod-db',
      reason: '',
      ticket: '',
      clientNumber: 1,
      application: 'test',
    },
    analyse: (sql, catalog) => used.analyse(sql, catalog),
    decide: (facts, approved) => used.decide(facts, approved),
    standing: () => ({ kind: 'live' }),
    catalog: used.catalog,
  }
  const startup = {
    protocol: 196_608,
    user: 'hoop',
    database: 'shop',
    application: 'test',
    settings: new Map<string, string>(),
  }
  const guard = createPostgresGuard(
    ports,
    { parameters: new Map(), backendPid: 42 },
    { key: Buffer.alloc(8, 7), startup },
  )
  return { guard, judge: used }
}

/** What effects come to, whatever way they were cut: bytes by destination, and records and holds in order. */
export class Outcome {
  readonly toClient: Buffer[] = []
  readonly toServer: Buffer[] = []
  readonly entries: Entry[] = []
  readonly holds: HoldRequest[] = []
  isClosed = false

  take(effects: readonly GuardEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'send')
        (effect.to === 'client' ? this.toClient : this.toServer).push(Buffer.from(effect.bytes))
      if (effect.kind === 'record') this.entries.push(effect.entry)
      if (effect.kind === 'hold') this.holds.push(effect.request)
      if (effect.kind === 'close') this.isClosed = true
    }
  }

  get summary(): unknown {
    return {
      client: Buffer.concat(this.toClient).toString('base64'),
      server: Buffer.concat(this.toServer).toString('base64'),
      entries: this.entries,
      holds: this.holds,
      isClosed: this.isClosed,
    }
  }

  /** Type bytes of the messages the client got. */
  get clientTypes(): string {
    const bytes = Buffer.concat(this.toClient)
    let types = ''
    for (let at = 0; at < bytes.length; at += 1 + bytes.readInt32BE(at + 1))
      types += String.fromCharCode(bytes[at] ?? 0)
    return types
  }
}

/** A raw connection to a real PostgreSQL that has logged in. */
export async function rawUpstream(postgres: LocalPostgres, database: string): Promise<Socket> {
  const { random } = frozenWorld()
  const handshake = createUpstreamHandshake({
    user: postgres.user,
    password: new Secret(postgres.password.reveal()),
    database,
    application: 'test',
    settings: new Map(),
    sslmode: 'disable',
    encryptable: true,
    random: {
      bytes: (size) =>
        Buffer.concat([Buffer.from(String(Math.random())), Buffer.from(random.bytes(size))]).subarray(0, size),
    },
  })
  const socket = connect({ host: postgres.host, port: postgres.port, noDelay: true })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', () => {
      for (const effect of handshake.start()) if (effect.kind === 'send') socket.write(effect.bytes)
    })
    const onData = (chunk: Buffer): void => {
      for (const effect of handshake.fromServer(chunk)) {
        if (effect.kind === 'send') socket.write(effect.bytes)
        if (effect.kind === 'failed') reject(effect.error)
        if (effect.kind === 'ready') {
          socket.off('data', onData)
          resolve()
        }
      }
    }
    socket.on('data', onData).once('error', reject)
  })
  return socket
}

/** One turn of a transcript: bytes from one side. */
export interface Turn {
  readonly from: 'client' | 'server'
  readonly bytes: Buffer
}

/** Plays client messages through a guard against a real PostgreSQL; returns what happened and the transcript of it. */
export async function play(
  postgres: LocalPostgres,
  messages: readonly Buffer[],
  judge: Judge,
): Promise<{ readonly outcome: Outcome; readonly turns: readonly Turn[] }> {
  const socket = await rawUpstream(postgres, 'shop')
  const { guard } = newGuard(judge)
  const outcome = new Outcome()
  const turns: Turn[] = []
  let written = 0
  const act = (effects: readonly GuardEffect[]): void => {
    outcome.take(effects)
    for (const bytes of outcome.toServer.slice(written)) socket.write(bytes)
    written = outcome.toServer.length
  }
  socket.on('data', (chunk: Buffer) => {
    turns.push({ from: 'server', bytes: Buffer.from(chunk) })
    act(guard.fromServer(chunk))
  })
  act(guard.open())
  const settle = async (): Promise<void> => {
    for (let quiet = 0, seen = -1; quiet < 3; quiet = turns.length === seen ? quiet + 1 : 0) {
      seen = turns.length
      await new Promise((resolve) => setTimeout(resolve, 15))
    }
  }
  await settle()
  for (const bytes of messages) {
    turns.push({ from: 'client', bytes })
    act(guard.fromClient(Buffer.from(bytes)))
    await settle()
  }
  socket.destroy()
  return { outcome, turns }
}

/** The same transcript through a fresh guard, each chunk of one side cut in two at `cut`. */
export function replay(turns: readonly Turn[], judge: Judge, cut: number): Outcome {
  const { guard } = newGuard(judge)
  const outcome = new Outcome()
  outcome.take(guard.open())
  for (const { from, bytes } of turns) {
    const at = Math.min(cut, bytes.length)
    for (const part of [bytes.subarray(0, at), bytes.subarray(at)]) {
      if (part.length === 0) continue
      outcome.take(from === 'client' ? guard.fromClient(Buffer.from(part)) : guard.fromServer(Buffer.from(part)))
    }
  }
  return outcome
}
