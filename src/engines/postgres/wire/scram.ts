import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'
import { WireError } from './wire-error.ts'

/**
 * SCRAM-SHA-256 (RFC 5802, RFC 7677), both sides, as PostgreSQL speaks it: the user name in the messages is empty or
 * ignored, and channel binding is `tls-server-end-point` (RFC 5929 §4). Nonces and salts are given, never made here.
 */

export interface ScramKeys {
  readonly salt: Uint8Array
  readonly iterations: number
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

/** Keys of a password (RFC 5802 §3). The password must be ASCII or already prepared: ours are. */
export function scramKeys(password: string, salt: Uint8Array, iterations: number): ScramKeys {
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256')
  const clientKey = hmac(salted, 'Client Key')
  return { salt, iterations, storedKey: sha256(clientKey), serverKey: hmac(salted, 'Server Key') }
}

/** The server's side: what the client first said, to the challenge; what it said last, to a proof of ours or null. */
export class ScramServer {
  readonly #keys: ScramKeys
  readonly #nonce: string
  readonly #binding: Buffer | null
  #gs2 = ''
  #authMessage = ''

  /** `binding`: hash of our certificate when the connection is under TLS, else null. */
  constructor(keys: ScramKeys, nonce: string, binding: Buffer | null) {
    this.#keys = keys
    this.#nonce = nonce
    this.#binding = binding
  }

  /** Answers the client-first-message with the server-first-message. */
  challenge(clientFirst: string, mechanism: string): string {
    const match = /^(n|y|p=tls-server-end-point),,(n=[^,]*,r=([!-+\--~]+))$/.exec(clientFirst)
    if (!match) throw new WireError('WIRE_AUTHENTICATION', 'Cannot sign in: the first SCRAM message is not understood')
    const [, flag = '', bare = '', clientNonce = ''] = match
    const bound = mechanism === 'SCRAM-SHA-256-PLUS'
    // RFC 5802 §6: "y" says that the client could bind but thinks we cannot. If we offered it, somebody took it away.
    if (bound !== flag.startsWith('p') || (flag === 'y' && this.#binding)) {
      throw new WireError('WIRE_AUTHENTICATION', 'Cannot sign in: channel binding does not agree')
    }
    this.#gs2 = `${flag},,`
    const salt = Buffer.from(this.#keys.salt).toString('base64')
    const serverFirst = `r=${clientNonce}${this.#nonce},s=${salt},i=${this.#keys.iterations}`
    this.#authMessage = `${bare},${serverFirst}`
    return serverFirst
  }

  /** The server-final-message, or null when the proof is wrong. */
  verify(clientFinal: string): string | null {
    const match = /^(c=([A-Za-z0-9+/=]+),r=([!-+\--~]+)),p=([A-Za-z0-9+/=]+)$/.exec(clientFinal)
    if (!match) return null
    const [, withoutProof = '', channel = '', nonce = '', proof = ''] = match
    const binding = this.#gs2.startsWith('p') ? (this.#binding ?? Buffer.alloc(0)) : Buffer.alloc(0)
    const expectedChannel = Buffer.concat([Buffer.from(this.#gs2), binding])
    const expectedNonce = /,r=([^,]+),s=/.exec(this.#authMessage)?.[1] ?? ''
    if (!isEqual(Buffer.from(channel, 'base64'), expectedChannel) || nonce !== expectedNonce) return null
    const authMessage = `${this.#authMessage},${withoutProof}`
    const clientKey = xor(Buffer.from(proof, 'base64'), hmac(this.#keys.storedKey, authMessage))
    if (!isEqual(sha256(clientKey), this.#keys.storedKey)) return null
    return `v=${hmac(this.#keys.serverKey, authMessage).toString('base64')}`
  }
}

/** The client's side: first message, answer to the challenge, and the check of the server's own proof. */
export class ScramClient {
  readonly #password: string
  readonly #nonce: string
  readonly #gs2: string
  readonly #binding: Buffer
  #expectedSignature = ''

  /** `binding`: hash of the server's certificate for SCRAM-SHA-256-PLUS; null without TLS or without binding. */
  constructor(password: string, nonce: string, binding: Buffer | null) {
    this.#password = password
    this.#nonce = nonce
    this.#gs2 = binding ? 'p=tls-server-end-point,,' : 'n,,'
    this.#binding = binding ?? Buffer.alloc(0)
  }

  first(): string {
    return `${this.#gs2}n=,r=${this.#nonce}`
  }

  /** Answers the server-first-message with the client-final-message. */
  final(serverFirst: string): string {
    const match = /^r=([!-+\--~]+),s=([A-Za-z0-9+/=]+),i=(\d{1,7})$/.exec(serverFirst)
    const [, nonce = '', salt = '', iterations = '0'] = match ?? []
    if (!match || !nonce.startsWith(this.#nonce) || nonce === this.#nonce || Number(iterations) < 1) {
      throw new WireError('WIRE_AUTHENTICATION', 'Cannot sign in at the database: its SCRAM challenge is not right')
    }
    const salted = pbkdf2Sync(this.#password, Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256')
    const channel = Buffer.concat([Buffer.from(this.#gs2), this.#binding]).toString('base64')
    const withoutProof = `c=${channel},r=${nonce}`
    const authMessage = `n=,r=${this.#nonce},${serverFirst},${withoutProof}`
    const clientKey = hmac(salted, 'Client Key')
    const proof = xor(clientKey, hmac(sha256(clientKey), authMessage))
    this.#expectedSignature = hmac(hmac(salted, 'Server Key'), authMessage).toString('base64')
    return `${withoutProof},p=${proof.toString('base64')}`
  }

  /** @throws WireError when the server does not know the password either: it is not the one we are looking for */
  check(serverFinal: string): void {
    const given = Buffer.from(serverFinal)
    if (this.#expectedSignature === '' || !isEqual(given, Buffer.from(`v=${this.#expectedSignature}`))) {
      throw new WireError('WIRE_AUTHENTICATION', 'Cannot sign in at the database: its SCRAM proof is wrong')
    }
  }
}

/** Answer to AuthenticationMD5Password: `md5` and md5(md5(password user) salt), in hex. */
export function md5Answer(user: string, password: string, salt: Uint8Array): string {
  const inner = createHash('md5').update(`${password}${user}`).digest('hex')
  return `md5${createHash('md5').update(inner).update(salt).digest('hex')}`
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, at) => byte ^ (b[at] ?? 0)))
}

function isEqual(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
