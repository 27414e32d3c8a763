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

/** What a test may give a command besides its words. */
export interface Given {
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
}

/** A command under way. */
export interface RunningCommand {
  /** Of stdout; rejects when the command ends without one. */
  readonly firstLine: Promise<string>
  readonly finished: Promise<Finished>
  kill(signal: NodeJS.Signals): void
}

/** Runs the real command from src in a process of its own, with no configuration but what a test puts there. */
export function hoop(args: readonly string[], given: Given = {}): Promise<Finished> {
  return startHoop(args, given).finished
}

/** The same, for a command that goes on until it is told to stop. */
export function startHoop(args: readonly string[], { env = {}, stdin = '' }: Given = {}): RunningCommand {
  const child = spawn(process.execPath, [join(root, 'bin/dev.js'), ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: configDir, HOOP_CONFIG_DIR: configDir, ...env },
    stdio: 'pipe',
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  // A command that reads no stdin may be gone before it is written.
  child.stdin.on('error', () => undefined)
  child.stdin.end(stdin)
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (exit) => resolve({ exit, stdout, stderr }))
  })
  const firstLine = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', () => {
      if (stdout.includes('\n')) resolve(stdout.slice(0, stdout.indexOf('\n')))
    })
    child.on('close', () => reject(new Error(`it said nothing: ${stderr}`)))
  })
  // Who does not wait for the first line does not mind that there is none.
  firstLine.catch(() => undefined)
  return { firstLine, finished, kill: (signal) => child.kill(signal) }
}
