import { serialize } from 'pg-protocol'
import { AppError } from '../../../base/app-error.ts'
import type { Random } from '../../../base/ports.ts'
import type { Secret } from '../../../base/secret.ts'
import {
  decodeAuthentication,
  decodeMechanisms,
  decodeParameterStatus,
  decodeReport,
} from '../wire/backend-messages.ts'
import { FrameReader } from '../wire/frame-reader.ts'
import { backend, backendTypes } from '../wire/message-type.ts'
import { md5Answer, ScramClient } from '../wire/scram.ts'
import { encodeSslRequest, encodeStartup } from '../wire/startup.ts'

/** Logging in at the database with the session's lease, from the first byte to its first ReadyForQuery. */
export type UpstreamHandshakeEffect =
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  | { readonly kind: 'upgrade-tls' }
  | {
      readonly kind: 'ready'
      readonly parameters: ReadonlyMap<string, string>
      /** Process id and secret, as a CancelRequest wants them; null where the server gave none (some proxies). */
      readonly backendKey: Uint8Array | null
      readonly backendPid: number
      readonly rest: Buffer
    }
  | { readonly kind: 'failed'; readonly error: AppError }

export interface UpstreamHandshakeOptions {
  readonly user: string
  readonly password: Secret
  readonly database: string
  readonly application: string
  readonly settings: ReadonlyMap<string, string>
  readonly sslmode: 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full'
  /** False on a unix socket, where libpq does not ask for TLS either. */
  readonly encryptable: boolean
  readonly random: Random
}

export interface UpstreamHandshake {
  start(): readonly UpstreamHandshakeEffect[]
  fromServer(chunk: Buffer): readonly UpstreamHandshakeEffect[]
  /** TLS is up; `certificateHash` (RFC 5929 §4) binds SCRAM to it. */
  secured(certificateHash: Buffer | null): readonly UpstreamHandshakeEffect[]
}

export function createUpstreamHandshake(options: UpstreamHandshakeOptions): UpstreamHandshake {
  return new Handshake(options)
}

type State = 'ssl' | 'tls' | 'login' | 'done'

class Handshake implements UpstreamHandshake {
  readonly #options: UpstreamHandshakeOptions
  #state: State = 'ssl'
  #isSecure = false
  #certificateHash: Buffer | null = null
  #scram: ScramClient | null = null
  #isProven = false
  #backendKey: Uint8Array | null = null
  readonly #parameters = new Map<string, string>()
  readonly #frames = new FrameReader({ known: backendTypes, isOpened: () => true, maxOpenedBytes: 65_536 })

  constructor(options: UpstreamHandshakeOptions) {
    this.#options = options
  }

  start(): readonly UpstreamHandshakeEffect[] {
    if (this.#options.encryptable && this.#options.sslmode !== 'disable') return [send(encodeSslRequest())]
    return this.#login()
  }

  secured(certificateHash: Buffer | null): readonly UpstreamHandshakeEffect[] {
    this.#isSecure = true
    this.#certificateHash = certificateHash
    return this.#login()
  }

  fromServer(chunk: Buffer): readonly UpstreamHandshakeEffect[] {
    if (this.#state === 'ssl') return this.#sslAnswer(chunk)
    if (this.#state !== 'login') return []
    const effects: UpstreamHandshakeEffect[] = []
    let used = 0
    for (const piece of this.#frames.read(chunk)) {
      used += piece.bytes.length
      effects.push(...this.#message(piece.type, piece.bytes.subarray(5), () => Buffer.from(chunk.subarray(used))))
      if (this.#isDone()) break
    }
    return effects
  }

  #isDone(): boolean {
    return this.#state === 'done'
  }

  #sslAnswer(chunk: Buffer): readonly UpstreamHandshakeEffect[] {
    const answer = chunk.toString('latin1', 0, 1)
    // One byte is all that may come before TLS: more was put there by somebody in between.
    if (chunk.length !== 1) return this.#fail('it sent data before TLS was up')
    if (answer === 'S') {
      this.#state = 'tls'
      return [{ kind: 'upgrade-tls' }]
    }
    if (answer === 'N' && this.#options.sslmode === 'prefer') return this.#login()
    return this.#fail(`it does not offer TLS, which sslmode ${this.#options.sslmode} demands`)
  }

  #login(): readonly UpstreamHandshakeEffect[] {
    this.#state = 'login'
    const parameters = new Map([
      ...this.#options.settings,
      ['user', this.#options.user],
      ['database', this.#options.database],
      ['application_name', this.#options.application],
      // A text that the server reads otherwise than our parser does is a way around every rule: pinned.
      ['client_encoding', 'UTF8'],
      ['standard_conforming_strings', 'on'],
      ['search_path', '"$user", public'],
    ])
    return [send(encodeStartup(parameters))]
  }

  #message(type: number, body: Buffer, rest: () => Buffer): readonly UpstreamHandshakeEffect[] {
    switch (type) {
      case backend.authentication:
        return this.#authentication(body)
      case backend.parameterStatus: {
        const [name, value] = decodeParameterStatus(body)
        this.#parameters.set(name, value)
        return []
      }
      case backend.backendKeyData:
        this.#backendKey = Buffer.from(body)
        return []
      case backend.errorResponse: {
        const report = decodeReport(body)
        return this.#fail(`${report.get('M') ?? 'no reason given'} (${report.get('C') ?? '?????'})`)
      }
      case backend.noticeResponse:
        return []
      case backend.readyForQuery:
        return this.#ready(rest)
      default:
        return this.#fail('it answered the login with an unexpected message')
    }
  }

  #ready(rest: () => Buffer): readonly UpstreamHandshakeEffect[] {
    if (this.#scram && !this.#isProven) return this.#fail('it did not prove that it knows the password')
    if (this.#parameters.get('server_encoding') !== 'UTF8') {
      return this.#fail(
        `its encoding is ${this.#parameters.get('server_encoding') ?? 'unknown'}, and only UTF8 is understood`,
      )
    }
    this.#state = 'done'
    const key = this.#backendKey
    const backendPid = key && key.length >= 4 ? Buffer.from(key).readInt32BE(0) : 0
    return [{ kind: 'ready', parameters: this.#parameters, backendKey: key, backendPid, rest: rest() }]
  }

  #authentication(body: Buffer): readonly UpstreamHandshakeEffect[] {
    const { number, data } = decodeAuthentication(body)
    const { user, password } = this.#options
    switch (number) {
      case 0:
        return []
      case 3:
        if (!this.#isSecure && this.#options.encryptable)
          return this.#fail('it asks for a password in clear without TLS')
        return [send(serialize.password(password.reveal()))]
      case 5:
        return [send(serialize.password(md5Answer(user, password.reveal(), data)))]
      case 10:
        return this.#saslBegin(decodeMechanisms(data))
      case 11:
        if (!this.#scram) return this.#fail('its SCRAM exchange is out of order')
        return [send(serialize.sendSCRAMClientFinalMessage(this.#scram.final(data.toString())))]
      case 12:
        this.#scram?.check(data.toString())
        this.#isProven = true
        return []
      default:
        return this.#fail(`it asks for authentication method ${number}, which is not supported`)
    }
  }

  #saslBegin(mechanisms: readonly string[]): readonly UpstreamHandshakeEffect[] {
    const isBound = this.#certificateHash !== null && mechanisms.includes('SCRAM-SHA-256-PLUS')
    if (!isBound && !mechanisms.includes('SCRAM-SHA-256'))
      return this.#fail('it offers no SCRAM mechanism that is supported')
    const nonce = Buffer.from(this.#options.random.bytes(18)).toString('base64')
    this.#scram = new ScramClient(this.#options.password.reveal(), nonce, isBound ? this.#certificateHash : null)
    const mechanism = isBound ? 'SCRAM-SHA-256-PLUS' : 'SCRAM-SHA-256'
    return [send(serialize.sendSASLInitialResponseMessage(mechanism, this.#scram.first()))]
  }

  #fail(why: string): readonly UpstreamHandshakeEffect[] {
    this.#state = 'done'
    const error = new AppError('DATABASE_UNREACHABLE', `Cannot log in at the database: ${why}`, {
      hint: 'Ask whoever runs the hoop server to look at this connection',
      ran: 'nothing',
    })
    return [{ kind: 'failed', error }]
  }
}

function send(bytes: Uint8Array): UpstreamHandshakeEffect {
  return { kind: 'send', bytes }
}
