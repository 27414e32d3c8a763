import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { AppError } from '../base/app-error.ts'

/** The keychain of the operating system. Each call rejects with `KEYCHAIN_UNAVAILABLE` when it does not answer. */
export interface Keychain {
  /** Null: nothing is there, or a locked keychain does not say so. */
  get(account: string): Promise<string | null>
  set(account: string, value: string): Promise<void>
  delete(account: string): Promise<void>
}

type Operation = 'get' | 'set' | 'delete' | 'probe'

const limitMs = 3_000
const answer = z.union([z.strictObject({ value: z.string().nullable() }), z.strictObject({ error: z.string() })])

export const systemKeychain: Keychain = {
  get: (account) => call({ account, operation: 'get' }),
  async set(account, value) {
    await call({ account, operation: 'set', value })
  },
  async delete(account) {
    await call({ account, operation: 'delete' })
  },
}

/** Null when a keychain works: something could be written, read back and deleted. Else why not. */
export async function probeKeychain(): Promise<AppError | null> {
  const value = randomBytes(16).toString('hex')
  try {
    const read = await call({ account: `probe ${process.pid}`, operation: 'probe', value })
    return read === value ? null : unavailable('it does not give back what it was given')
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
}

export function unavailable(why: string, cause?: unknown): AppError {
  return new AppError('KEYCHAIN_UNAVAILABLE', `Cannot use the keychain: ${why}`, {
    cause,
    hint: 'Unlock the keychain and try again\nOr keep the sign-in in a file that only you can read: hoop login --store plaintext',
    ran: 'nothing',
  })
}

async function call(request: { account: string; operation: Operation; value?: string }): Promise<string | null> {
  const text = await runProcess(JSON.stringify(request))
  const parsed = answer.safeParse(text === '' ? undefined : JSON.parse(text))
  if (!parsed.success) throw unavailable('it ended without an answer')
  if ('error' in parsed.data) throw unavailable(parsed.data.error)
  return parsed.data.value
}

/** Values go through pipes: never argv or the environment, which others may read. */
function runProcess(input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { NODE_OPTIONS: _ours, ...env } = process.env
    const file = fileURLToPath(new URL('./keychain-process.js', import.meta.url))
    const child = spawn(process.execPath, [file], { env, stdio: ['pipe', 'pipe', 'ignore'] })
    let output = ''
    let isLate = false
    const limit = setTimeout(() => {
      isLate = true
      child.kill('SIGKILL')
    }, limitMs)
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    // It may be gone before it has read; then `close` says so.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
    child.on('error', (error) => {
      clearTimeout(limit)
      reject(unavailable(error.message, error))
    })
    child.on('close', () => {
      clearTimeout(limit)
      if (isLate) reject(unavailable(`it did not answer within ${limitMs / 1_000} seconds`))
      else resolve(output)
    })
  })
}
