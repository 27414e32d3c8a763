import { closeSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { AppError } from '../base/app-error.ts'

const tryEveryMs = 50
const giveUpAfterMs = 20_000
/** Longer than anybody holds it: a refresh is one request with a limit of its own. */
const staleAfterMs = 60_000

/** Runs `work` while no other process of this user does. A lock whose holder is gone is taken over. */
export async function withFileLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const startedAt = process.hrtime.bigint()
  while (!take(file)) {
    if (isAbandoned(file)) rmSync(file, { force: true })
    else if (process.hrtime.bigint() - startedAt > BigInt(giveUpAfterMs) * 1_000_000n) {
      throw new AppError('LOCAL_STATE', `Cannot go on: another hoop process holds ${file}`, {
        hint: `If none runs, remove it: rm ${file}`,
      })
    } else await new Promise((resolve) => setTimeout(resolve, tryEveryMs))
  }
  try {
    return await work()
  } finally {
    rmSync(file, { force: true })
  }
}

function take(file: string): boolean {
  try {
    const descriptor = openSync(file, 'wx', 0o600)
    writeSync(descriptor, String(process.pid))
    closeSync(descriptor)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

function isAbandoned(file: string): boolean {
  try {
    const age = Date.now() - statSync(file).mtimeMs
    if (age > staleAfterMs) return true
    const pid = Number(readFileSync(file, 'utf8'))
    // Just created and not written yet: somebody is about to hold it.
    if (!pid) return age > 2_000
    process.kill(pid, 0)
    return false
  } catch (error) {
    // No such process. Anything else (gone meanwhile, not ours to signal) means: look again.
    return error instanceof Error && 'code' in error && error.code === 'ESRCH'
  }
}
