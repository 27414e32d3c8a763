import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../base/app-error.ts'
import type { Context } from './contexts.ts'
import type { Paths } from './paths.ts'
import { readPrivate, writePrivate } from './private-file.ts'

/**
 * Where the tokens of a context lie: one file, for its owner alone. With a usable keychain the file is encrypted (AES-256-GCM)
 * with a key that only the keychain holds; without one it is not, and the user is told so.
 */
const credential = z.strictObject({
  refreshToken: z.string(),
  accessToken: z.string(),
  /** When the access token ends, by the clock of this machine. */
  accessEndsAtMs: z.int(),
  /** When signing in ends for good. */
  endsAtMs: z.int(),
})

export type Credential = z.infer<typeof credential>

export interface CredentialStore {
  read(): Promise<Credential | undefined>
  write(credential: Credential): Promise<void>
  remove(): Promise<void>
}

const service = 'hoop'

/** The store of a context. */
export function openCredentialStore(
  paths: Paths,
  name: string,
  context: Pick<Context, 'server' | 'store'>,
): CredentialStore {
  const file = join(paths.config, 'credentials', `${name}.json`)
  const isEncrypted = context.store === 'keychain'
  // A value taken to another context or server does not decrypt there.
  const bound = Buffer.from(`${context.server}\n${name}`)
  return {
    async read() {
      const text = readPrivate(file)
      if (text === undefined) return undefined
      const plain = isEncrypted ? decrypt(text, await keyOf(name), bound) : text
      const parsed = credential.safeParse(parseJson(plain))
      if (parsed.success) return parsed.data
      throw new AppError('LOCAL_STATE', `Cannot read ${file}: it is damaged`, { hint: 'Sign in again: hoop login' })
    },
    async write(value) {
      const plain = JSON.stringify(value)
      writePrivate(file, isEncrypted ? encrypt(plain, await keyOf(name, 'make'), bound) : plain)
    },
    async remove() {
      rmSync(file, { force: true })
      if (isEncrypted) (await keychainEntry(name)).deletePassword()
    },
  }
}

/** Whether a keychain works: something can be written, read back and deleted. */
export async function probeKeychain(): Promise<boolean> {
  try {
    const entry = await keychainEntry(`probe-${process.pid}`)
    const value = randomBytes(8).toString('hex')
    entry.setPassword(value)
    const isSame = entry.getPassword() === value
    entry.deletePassword()
    return isSame
  } catch {
    // Whatever the reason (no service, locked, no D-Bus), the answer is the same: not usable.
    return false
  }
}

interface KeychainEntry {
  setPassword(password: string): void
  getPassword(): string | null
  deletePassword(): boolean
}

/** On Linux the secret service by name: the library's fallback is the kernel's keyring, which forgets at reboot. */
async function keychainEntry(account: string): Promise<KeychainEntry> {
  const { Entry } = await import('@napi-rs/keyring')
  const options = process.platform === 'linux' ? { linux: { store: 'secret-service' } } : undefined
  return new (Entry as unknown as new (service: string, account: string, options?: object) => KeychainEntry)(
    service,
    account,
    options,
  )
}

async function keyOf(name: string, missing: 'fail' | 'make' = 'fail'): Promise<Buffer> {
  try {
    const entry = await keychainEntry(name)
    const stored = entry.getPassword()
    if (stored) return Buffer.from(stored, 'base64')
    if (missing === 'make') {
      const key = randomBytes(32)
      entry.setPassword(key.toString('base64'))
      return key
    }
  } catch (error) {
    throw unavailable(error)
  }
  // It was there when the credential was stored: a locked keychain answers "nothing", and that is not "signed out".
  throw unavailable()
}

function unavailable(cause?: unknown): AppError {
  return new AppError(
    'KEYCHAIN_UNAVAILABLE',
    'Cannot read your sign-in: the keychain that holds its key is locked or gone',
    {
      cause,
      hint: 'Unlock the keychain and try again, or sign in anew: hoop login',
    },
  )
}

function encrypt(plain: string, key: Buffer, bound: Buffer): string {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(bound)
  const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64')
}

function decrypt(text: string, key: Buffer, bound: Buffer): string {
  const bytes = Buffer.from(text, 'base64')
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12)).setAAD(bound)
    decipher.setAuthTag(bytes.subarray(12, 28))
    return decipher.update(bytes.subarray(28), undefined, 'utf8') + decipher.final('utf8')
  } catch (error) {
    throw new AppError('LOCAL_STATE', 'Cannot read your sign-in: the stored credential does not fit its key', {
      cause: error,
      hint: 'Sign in again: hoop login',
    })
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The caller reports what is not a credential.
    return undefined
  }
}
