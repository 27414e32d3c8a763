import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

/** What a finished command left behind. */
export interface Finished {
  readonly exit: number | null
  readonly stdout: string
  readonly stderr: string
}

const root = join(import.meta.dirname, '../../..')
const configDir = mkdtempSync(join(tmpdir(), 'hoop-cli-test-'))

afterAll(() => rmSync(configDir, { recursive: true, force: true }))

/** Runs the real command from src in a process of its own, with no configuration but what a test puts there. */
export function hoop(
  args: readonly string[],
  { env = {}, stdin = '' }: { readonly env?: Readonly<Record<string, string>>; readonly stdin?: string } = {},
): Promise<Finished> {
  const child = spawn(process.execPath, [join(root, 'bin/dev.js'), ...args], {
    env: { PATH: process.env['PATH'], HOME: configDir, HOOP_CONFIG_DIR: configDir, ...env },
    stdio: 'pipe',
  })
  const out: Buffer[] = []
  const talk: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => talk.push(chunk))
  // A command that reads no stdin may be gone before it is written.
  child.stdin.on('error', () => undefined)
  child.stdin.end(stdin)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (exit) =>
      resolve({ exit, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(talk).toString() }),
    )
  })
}
