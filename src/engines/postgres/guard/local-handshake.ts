import type { Random } from '../../../base/ports.ts'
import type { Secret } from '../../../base/secret.ts'
import { maySet } from '../sql/settings.ts'
import { encodeAuthentication, encodeReport } from '../wire/backend-messages.ts'
import { BodyReader } from '../wire/body-reader.ts'
import { FrameReader } from '../wire/frame-reader.ts'
import { frontend } from '../wire/message-type.ts'
import { type ScramKeys, ScramServer, scramKeys } from '../wire/scram.ts'
import { encodeNegotiateProtocolVersion, readStartupPacket } from '../wire/startup.ts'

/**
 * The local client, from its first byte until it has shown that it knows the session's password.
 *
 *   first ─ SSLRequest/GSSENCRequest ─▶ first          one byte back, before anything else
 *   first ─ CancelRequest ───────────▶ done
 *   first ─ StartupMessage ──────────▶ mechanism ─▶ proof ─▶ done
 */
export type LocalHandshakeEffect =
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  /** `S` has been sent; bytes that follow belong to TLS, never to us. */
  | { readonly kind: 'upgrade-tls' }
  | { readonly kind: 'cancel'; readonly key: Uint8Array }
  | { readonly kind: 'authenticated'; readonly startup: ClientStartup; readonly rest: Buffer }
  /** A wrong password: wait before closing, and longer for each one. */
  | { readonly kind: 'failed'; readonly reason: string; readonly blame: 'client' }
  | { readonly kind: 'close' }

/** What the client asked for, checked: only settings a client may choose are left. */
export interface ClientStartup {
  readonly protocol: number
  readonly user: string
  readonly database: string
  readonly application: string
  readonly settings: ReadonlyMap<string, string>
}

export interface LocalHandshakeOptions {
  readonly password: Secret
  readonly user: string
  /** Names by which a client may ask for the one database there is. */
  readonly databases: readonly string[]
  readonly tls: boolean
  readonly random: Random
}

export interface LocalHandshake {
  /** @throws WireError when the bytes are not a PostgreSQL start-up */
  fromClient(chunk: Buffer): readonly LocalHandshakeEffect[]
  /** TLS is up: the client starts again inside it. */
  secured(): readonly LocalHandshakeEffect[]
}

const mechanism = 'SCRAM-SHA-256'
const saslBegin = 10
const saslContinue = 11
const saslFinal = 12
const iterations = 4_096

export function createLocalHandshake(options: LocalHandshakeOptions): LocalHandshake {
  return new Handshake(options)
}

class Handshake implements LocalHandshake {
  readonly #options: LocalHandshakeOptions
  readonly #keys: ScramKeys
  #state: 'first' | 'mechanism' | 'proof' | 'done' = 'first'
  #isSecure = false
  #pending: Buffer = Buffer.alloc(0)
  #startup: ClientStartup | null = null
  #scram: ScramServer | null = null
  readonly #frames = new FrameReader({
    known: new Set([frontend.password]),
    isOpened: () => true,
    maxOpenedBytes: 4_096,
  })

  constructor(options: LocalHandshakeOptions) {
    this.#options = options
    this.#keys = scramKeys(options.password.reveal(), options.random.bytes(16), iterations)
  }

  fromClient(chunk: Buffer): readonly LocalHandshakeEffect[] {
    if (this.#state === 'first') return this.#first(Buffer.concat([this.#pending, chunk]))
    const effects: LocalHandshakeEffect[] = []
    let used = 0
    for (const piece of this.#frames.read(chunk)) {
      used += piece.bytes.length
      effects.push(...this.#answer(piece.bytes.subarray(5), () => Buffer.from(chunk.subarray(used))))
      if (this.#isDone()) break
    }
    return effects
  }

  secured(): readonly LocalHandshakeEffect[] {
    this.#isSecure = true
    return []
  }

  #isDone(): boolean {
    return this.#state === 'done'
  }

  #first(buffer: Buffer): readonly LocalHandshakeEffect[] {
    const read = readStartupPacket(buffer)
    if (!read) {
      this.#pending = buffer
      return []
    }
    const rest = buffer.subarray(read.bytes)
    this.#pending = Buffer.alloc(0)
    switch (read.packet.kind) {
      case 'ssl': {
        if (!this.#options.tls || this.#isSecure) return [send(Buffer.from('N')), ...this.#again(rest)]
        // What came in the same packet was sent in clear before TLS: it must never be read as if inside it.
        if (rest.length > 0) return this.#end()
        return [send(Buffer.from('S')), { kind: 'upgrade-tls' }]
      }
      case 'gss':
        return [send(Buffer.from('N')), ...this.#again(rest)]
      case 'cancel':
        this.#state = 'done'
        return [{ kind: 'cancel', key: read.packet.key }, { kind: 'close' }]
      case 'startup':
        return this.#begin(read.packet.protocol, read.packet.parameters)
      default:
        return read.packet satisfies never
    }
  }

  #again(rest: Buffer): readonly LocalHandshakeEffect[] {
    return rest.length === 0 ? [] : this.#first(rest)
  }

  #begin(protocol: number, parameters: ReadonlyMap<string, string>): readonly LocalHandshakeEffect[] {
    const { startup, refused, unknownOptions } = readParameters(protocol, parameters)
    if (refused) return this.#refuse('0A000', refused)
    this.#startup = startup
    this.#state = 'mechanism'
    const effects: LocalHandshakeEffect[] = []
    const minor = protocol & 0xffff
    if (minor > 0 || unknownOptions.length > 0) effects.push(send(encodeNegotiateProtocolVersion(0, unknownOptions)))
    effects.push(send(encodeAuthentication(saslBegin, Buffer.from(`${mechanism}\0\0`))))
    return effects
  }

  #answer(body: Buffer, rest: () => Buffer): readonly LocalHandshakeEffect[] {
    if (this.#state === 'mechanism') {
      const reader = new BodyReader(body)
      const chosen = reader.text()
      const first = reader.value()
      if (chosen !== mechanism || !first) return this.#wrong('it chose another mechanism')
      const nonce = Buffer.from(this.#options.random.bytes(18)).toString('base64')
      this.#scram = new ScramServer(this.#keys, nonce, null)
      this.#state = 'proof'
      return [send(encodeAuthentication(saslContinue, Buffer.from(this.#scram.challenge(first.toString(), chosen))))]
    }
    const proof = this.#scram?.verify(body.toString())
    if (!proof || !this.#startup || this.#startup.user !== this.#options.user)
      return this.#wrong('wrong user or password')
    if (!this.#options.databases.includes(this.#startup.database)) {
      const [database = ''] = this.#options.databases
      return this.#refuse('3D000', `hoop: this port leads to database "${database}", not "${this.#startup.database}"`)
    }
    this.#state = 'done'
    return [
      send(encodeAuthentication(saslFinal, Buffer.from(proof))),
      send(encodeAuthentication(0)),
      { kind: 'authenticated', startup: this.#startup, rest: rest() },
    ]
  }

  #wrong(reason: string): readonly LocalHandshakeEffect[] {
    const user = this.#startup?.user ?? ''
    const fields = fatal('28P01', `password authentication failed for user "${user}"`)
    fields.set('H', 'User and password are those of this hoop session: see hoop url and hoop env')
    this.#state = 'done'
    return [{ kind: 'failed', reason, blame: 'client' }, send(encodeReport('error', fields)), { kind: 'close' }]
  }

  #refuse(sqlstate: string, message: string): readonly LocalHandshakeEffect[] {
    this.#state = 'done'
    return [send(encodeReport('error', fatal(sqlstate, message))), { kind: 'close' }]
  }

  #end(): readonly LocalHandshakeEffect[] {
    this.#state = 'done'
    return [{ kind: 'close' }]
  }
}

function send(bytes: Uint8Array): LocalHandshakeEffect {
  return { kind: 'send', bytes }
}

function fatal(sqlstate: string, message: string): Map<string, string> {
  return new Map([
    ['S', 'FATAL'],
    ['V', 'FATAL'],
    ['C', sqlstate],
    ['M', message],
  ])
}

interface ReadParameters {
  readonly startup: ClientStartup
  /** Why the client cannot be let in; null when it can. */
  readonly refused: string | null
  readonly unknownOptions: readonly string[]
}

function readParameters(protocol: number, parameters: ReadonlyMap<string, string>): ReadParameters {
  const settings = new Map<string, string>()
  const unknownOptions: string[] = []
  let refused: string | null = null
  for (const [name, value] of [...parameters, ...readOptions(parameters.get('options') ?? '')]) {
    if (['user', 'database', 'options'].includes(name)) continue
    if (name.startsWith('_pq_.')) unknownOptions.push(name)
    else if (maySet(name, value)) settings.set(name.toLowerCase(), value)
    else refused ??= `hoop: start-up setting "${name}" is not allowed through this port`
  }
  const user = parameters.get('user') ?? ''
  const startup = {
    protocol,
    user,
    database: parameters.get('database') ?? user,
    application: settings.get('application_name') ?? '',
    settings,
  }
  return { startup, refused, unknownOptions }
}

/** `-c name=value` and `--name=value` of the `options` parameter; anything else becomes a name nobody may set. */
function readOptions(options: string): readonly (readonly [string, string])[] {
  // A backslash makes the next character, a space too, part of the word (manual: libpq, `options`).
  const words = (options.match(/(?:\\.|[^\s\\])+/g) ?? []).map((word) => word.replace(/\\(.)/g, '$1'))
  const pairs: (readonly [string, string])[] = []
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    const text = word === '-c' ? (words[++at] ?? '') : word.replace(/^(-c|--)/, '')
    const equals = text.indexOf('=')
    if (equals > 0 && word.startsWith('-'))
      pairs.push([text.slice(0, equals).replaceAll('-', '_'), text.slice(equals + 1)])
    else pairs.push([`options: ${word}`, ''])
  }
  return pairs
}
