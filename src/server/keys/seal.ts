import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { AppError } from '../../base/app-error.ts'

/** Encrypts what the store keeps secret (AES-256-GCM). `label` is bound in: a value cannot be moved to another place. */
export interface Seal {
  close(label: string, plain: string): string
  /** @throws AppError `LOCAL_STATE` when it was sealed with another key or for another place */
  open(label: string, sealed: string): string
}

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
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    const descriptor = openSync(file, 'wx', 0o600)
    writeSync(descriptor, randomBytes(32).toString('base64'))
    fsyncSync(descriptor)
    closeSync(descriptor)
  }
  if ((statSync(file).mode & 0o077) !== 0) {
    throw new AppError('LOCAL_STATE', `Cannot use the key file ${file}: others may read it`, {
      hint: `chmod 600 ${file}`,
    })
  }
  const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64')
  if (key.length === 32) return key
  throw new AppError('LOCAL_STATE', `Cannot use the key file ${file}: it does not hold a key of 32 bytes`)
}
