import { createRequire } from 'node:module'
import { AppError } from '../base/app-error.ts'

/**
 * A lock among all processes of a user. The operating system holds it (through SQLite's own file locks), so it ends with its
 * holder however that dies: there is no stale lock to recognise, and nothing that two processes could both take over.
 *
 * Nobody may open the file in another way: closing any descriptor of a file ends the locks that its process has on it (fcntl(2)),
 * and only SQLite's own connections know of each other.
 */
interface Lock {
  release(): void
}

const tryEveryMs = 25
/** Longer than anybody holds it: a refresh is two requests with limits of their own. */
const giveUpAfterMs = 30_000

/** Runs `work` while no other process, and nobody else in this one, does. The file stays, empty. */
export async function withFileLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const startedAtMs = performance.now()
  let lock = take(file)
  while (!lock) {
    if (performance.now() - startedAtMs > giveUpAfterMs) throw busy(file)
    await new Promise((resolve) => setTimeout(resolve, tryEveryMs))
    lock = take(file)
  }
  try {
    return await work()
  } finally {
    lock.release()
  }
}

/** The same for work of a moment: the whole process waits, so never for a lock that `withFileLock` may hold in it. */
export function withFileLockHeld<T>(file: string, work: () => T): T {
  const lock = take(file, giveUpAfterMs)
  if (!lock) throw busy(file)
  try {
    return work()
  } finally {
    lock.release()
  }
}

function take(file: string, waitMs = 0): Lock | undefined {
  // Loaded here, because most commands never lock anything.
  const Database = createRequire(import.meta.url)('better-sqlite3') as typeof import('better-sqlite3')
  try {
    const database = new Database(file, { timeout: waitMs })
    try {
      database.exec('BEGIN EXCLUSIVE')
    } catch (error) {
      database.close()
      throw error
    }
    return { release: () => database.close() }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY') return undefined
    throw new AppError('LOCAL_STATE', `Cannot lock ${file}: ${error instanceof Error ? error.message : 'unknown'}`, {
      cause: error,
      hint: 'Check that the disk has room and that the folder is yours',
    })
  }
}

function busy(file: string): AppError {
  return new AppError('LOCAL_STATE', `Cannot go on: another hoop process has held ${file} for too long`, {
    hint: 'Try again, or end the other process',
  })
}
