import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { AppError } from '../../base/app-error.ts'

/** Encrypts what the store keeps secret (AES-256-GCM). `label` is bound in: a value cannot be moved to another place. */
export interface Seal {
  close(label: string, plain: string): string
  /** @throws AppError `LOCAL_STATE` when it was sealed with another key or for another place */
  open(label: string, sealed: string): string
}

const keyBytes = 32

/** A seal with the key in `file`, which is made when it is not there. */
export function openSeal(file: string): Seal {
  const key = readKey(file)
  return {
    close(label, plain) {
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(label))
      const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64')
    },
    open(label, sealed) {
      const bytes = Buffer.from(sealed, 'base64')
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12)).setAAD(Buffer.from(label))
        decipher.setAuthTag(bytes.subarray(12, 28))
        return decipher.update(bytes.subarray(28), undefined, 'utf8') + decipher.final('utf8')
      } catch (error) {
        throw new AppError(
          'LOCAL_STATE',
          `Cannot read a secret of the store: it was sealed with another key than ${file}`,
          {
            cause: error,
            hint: 'Put back the key file that belongs to this store',
          },
        )
      }
    },
  }
}

function readKey(file: string): Buffer {
  try {
    if (!existsSync(file)) makeKey(file)
    if ((statSync(file).mode & 0o077) !== 0) throw unusable(file, 'others may read it', `chmod 600 ${file}`)
    const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64')
    if (key.length === keyBytes) return key
    throw unusable(
      file,
      `it does not hold a key of ${keyBytes} bytes`,
      'Put back the key file that belongs to this store',
    )
  } catch (error) {
    if (error instanceof AppError) throw error
    const why = error instanceof Error ? error.message : 'it cannot be read'
    throw unusable(file, why, 'The folder must belong to whoever runs the server', error)
  }
}

/** Whole or not there, and the first one stays: a server that starts meanwhile must not seal with another. */
function makeKey(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  const descriptor = openSync(draft, 'wx', 0o600)
  try {
    writeSync(descriptor, randomBytes(keyBytes).toString('base64'))
    fsyncSync(descriptor)
    linkSync(draft, file)
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST'
    if (!isThere) throw error
  } finally {
    closeSync(descriptor)
    unlinkSync(draft)
  }
}

function unusable(file: string, why: string, hint: string, cause?: unknown): AppError {
  return new AppError('LOCAL_STATE', `Cannot use the key file ${file}: ${why}`, { hint, cause })
}
