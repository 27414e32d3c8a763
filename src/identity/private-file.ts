import { closeSync, fchmodSync, fsyncSync, lstatSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { makePrivate } from './paths.ts'

/** Replaces a file as a whole, for its owner alone: whoever reads it sees the old one or the new one. */
export function writePrivate(file: string, text: string): void {
  const folder = makePrivate(dirname(file))
  const next = join(folder, `.${process.pid}-${process.hrtime.bigint()}.tmp`)
  const descriptor = openSync(next, 'wx', 0o600)
  try {
    fchmodSync(descriptor, 0o600)
    writeSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(next, file)
}

/** Its text; undefined when it is not there. @throws AppError `LOCAL_STATE` when others could have read or written it */
export function readPrivate(file: string): string | undefined {
  try {
    const status = lstatSync(file)
    const uid = process.getuid?.()
    if (!status.isFile() || (uid !== undefined && status.uid !== uid) || (status.mode & 0o077) !== 0) {
      throw new AppError('LOCAL_STATE', `Cannot use ${file}: it is not a file of yours alone`, {
        hint: `chmod 600 ${file}`,
      })
    }
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
