import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../base/app-error.ts'
import type { Context } from './contexts.ts'
import { type Credential, credential } from './credential.ts'
import { type Keychain, systemKeychain, unavailable } from './keychain.ts'
import { makePrivate, type Paths } from './paths.ts'
import { readPrivate, writePrivate } from './private-file.ts'

/**
 * Where the tokens of a context lie: one file, for its owner alone. With a usable keychain the file is encrypted (AES-256-GCM)
 * with a key that only the keychain holds; without one it is not, and the user is told so.
 */
export interface CredentialStore {
  /** Undefined: nobody is signed in. A store that cannot be opened is an error, never that. */
  read(): Promise<Credential | undefined>
  write(credential: Credential): Promise<void>
  remove(): Promise<void>
}

/** What a store belongs to. A value taken to another context, person or server does not decrypt there. */
type Owner = Pick<Context, 'server' | 'sub' | 'store'>

/** The store of a context. Whoever writes or removes holds the lock of that context. */
export function openCredentialStore(
  paths: Paths,
  name: string,
  owner: Owner,
  keychain: Keychain = systemKeychain,
): CredentialStore {
  const folder = join(paths.config, 'credentials')
  const files = { keychain: join(folder, `${name}.enc`), file: join(folder, `${name}.json`) }
  const file = files[owner.store]
  if (owner.store === 'file') return plainStore(file, () => rmSync(files.keychain, { force: true }))
  const key = keyInKeychain(keychain, `${name} ${paths.config}`)
  const bound = Buffer.from(JSON.stringify([owner.server, owner.sub, name]))
  return {
    async read() {
      const text = readPrivate(file)
      return text === undefined ? undefined : parse(file, decrypt(file, text, { key: await key.get(), bound }))
    },
    async write(value) {
      writePrivate(file, encrypt(JSON.stringify(value), { key: await key.getOrMake(), bound }))
      rmSync(files.file, { force: true })
    },
    async remove() {
      rmSync(file, { force: true })
      await key.forget()
    },
  }
}

/** The file whose lock guards the credential of a context. */
export function credentialLock(paths: Paths, name: string): string {
  makePrivate(paths.config)
  return join(makePrivate(join(paths.config, 'credentials')), `${name}.lock`)
}

function plainStore(file: string, forgetOther: () => void): CredentialStore {
  return {
    async read() {
      const text = readPrivate(file)
      return text === undefined ? undefined : parse(file, text)
    },
    async write(value) {
      writePrivate(file, JSON.stringify(value))
      forgetOther()
    },
    async remove() {
      rmSync(file, { force: true })
    },
  }
}

interface KeychainKey {
  /** @throws AppError `KEYCHAIN_UNAVAILABLE` also when there is none: it was there when the credential was stored */
  get(): Promise<Buffer>
  getOrMake(): Promise<Buffer>
  forget(): Promise<void>
}

/** A key by its account in the keychain, asked for once in the life of a process. */
function keyInKeychain(keychain: Keychain, account: string): KeychainKey {
  let known: Buffer | undefined
  const read = async (): Promise<Buffer | undefined> => {
    if (known) return known
    const stored = Buffer.from((await keychain.get(account)) ?? '', 'base64')
    if (stored.length === 32) known = stored
    return known
  }
  return {
    async get() {
      const key = await read()
      if (key) return key
      // A locked keychain answers "nothing", and that is not "signed out".
      throw unavailable('it is locked, or the key of this sign-in is gone from it')
    },
    async getOrMake() {
      const found = await read()
      if (found) return found
      const made = randomBytes(32)
      await keychain.set(account, made.toString('base64'))
      known = made
      return made
    },
    async forget() {
      known = undefined
      await keychain.delete(account)
    },
  }
}

interface Sealing {
  readonly key: Buffer
  readonly bound: Buffer
}

function encrypt(plain: string, { key, bound }: Sealing): string {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(bound)
  const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64')
}

function decrypt(file: string, text: string, { key, bound }: Sealing): string {
  const bytes = Buffer.from(text, 'base64')
  try {
    // Without its length said, Node takes a tag that was cut short.
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12), { authTagLength: 16 }).setAAD(bound)
    decipher.setAuthTag(bytes.subarray(12, 28))
    return decipher.update(bytes.subarray(28), undefined, 'utf8') + decipher.final('utf8')
  } catch (error) {
    throw damaged(file, 'it is damaged, or not of this context and person', error)
  }
}

function parse(file: string, text: string): Credential {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The parser's message would quote the file, which holds tokens.
    throw damaged(file, 'it is damaged')
  }
  const parsed = credential.safeParse(value)
  if (parsed.success) return parsed.data
  throw damaged(file, 'it is damaged')
}

function damaged(file: string, why: string, cause?: unknown): AppError {
  return new AppError('LOCAL_STATE', `Cannot read your sign-in in ${file}: ${why}`, {
    cause,
    hint: 'Sign in again: hoop login',
    ran: 'nothing',
  })
}
