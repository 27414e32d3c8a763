import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { makePrivate } from './paths.ts'

/**
 * Replaces a file as a whole, for its owner alone: whoever reads it sees the old one or the new one. Writers of the same file
 * must hold a lock: they share the name of what is not finished, so that a crash leaves at most one, which the next removes.
 */
export function writePrivate(file: string, text: string): void {
  const folder = makePrivate(dirname(file))
  const next = join(folder, `.${basename(file)}.tmp`)
  try {
    rmSync(next, { force: true })
    writeNew(next, text)
    renameSync(next, file)
    flushFolder(folder)
  } catch (error) {
    rmSync(next, { force: true })
    throw new AppError('LOCAL_STATE', `Cannot write ${file}: ${reasonOf(error)}`, {
      cause: error,
      hint: 'Check that the disk has room and that the folder is yours',
    })
  }
}

/** Its text; undefined when it is not there. @throws AppError `LOCAL_STATE` when others could have read or written it */
export function readPrivate(file: string): string | undefined {
  let descriptor: number
  try {
    // Never through a link: what it leads to may be anybody's. Never waiting: a pipe is no file.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    if (codeOf(error) === 'ELOOP') throw notYours(file)
    throw new AppError('LOCAL_STATE', `Cannot read ${file}: ${reasonOf(error)}`, { cause: error })
  }
  try {
    const status = fstatSync(descriptor)
    const uid = process.getuid?.()
    const isMine = uid === undefined || (status.uid === uid && (status.mode & 0o077) === 0)
    if (!status.isFile() || !isMine) throw notYours(file)
    return readFileSync(descriptor, 'utf8')
  } finally {
    closeSync(descriptor)
  }
}

function writeNew(file: string, text: string): void {
  const descriptor = openSync(file, 'wx', 0o600)
  try {
    fchmodSync(descriptor, 0o600)
    writeFileSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** So that the new name is there after a power cut too. */
function flushFolder(folder: string): void {
  // Windows cannot open a folder, and keeps names by itself.
  if (process.platform === 'win32') return
  const descriptor = openSync(folder, constants.O_RDONLY)
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function notYours(file: string): AppError {
  return new AppError('LOCAL_STATE', `Cannot use ${file}: it is not a file of yours alone`, {
    hint: `If nobody else has touched it: chmod 600 ${file}`,
  })
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown'
}
