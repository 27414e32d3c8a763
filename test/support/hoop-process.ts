import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { clickThrough } from '../../src/demo/scripted-browser.ts'

/** The built command in processes of its own, with a home that is thrown away. */
export interface HoopHome {
  readonly directory: string
  run(args: readonly string[], options?: { readonly input?: string; readonly env?: NodeJS.ProcessEnv }): Promise<Ended>
  start(args: readonly string[], env?: NodeJS.ProcessEnv): Running
  /** Signs in through the real flow, a script pressing the buttons. */
  logIn(url: string, who: string): Promise<Ended>
  remove(): void
}

export interface Ended {
  readonly exit: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves with the match once the output says it. */
  says(pattern: RegExp): Promise<RegExpExecArray>
}

const script = join(import.meta.dirname, '../../bin/run.js')
const limitMs = 60_000

export function newHoopHome(): HoopHome {
  const directory = mkdtempSync(join(tmpdir(), 'hoop-home-'))
  const start = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Running => watch(args, { directory, env })
  return {
    directory,
    start,
    async run(args, { input, env } = {}) {
      const running = start(args, env)
      running.child.stdin?.end(input)
      return running.ended
    },
    async logIn(url, who) {
      const running = start(['login', url, '--no-browser', '--context', who, '--store', 'plaintext'])
      const [, address = ''] = await running.says(/(http:\/\/\S+\/oidc\/auth\?\S+)/)
      await clickThrough(address, who)
      return running.ended
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

function watch(args: readonly string[], { directory, env }: { directory: string; env: NodeJS.ProcessEnv }): Running {
  const child = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, HOOP_CONFIG_DIR: join(directory, 'hoop'), NO_COLOR: '1', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  const waiting = new Set<() => void>()
  const heard = (): void => {
    for (const look of waiting) look()
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    heard()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    heard()
  })
  const limit = setTimeout(() => child.kill('SIGKILL'), limitMs)
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (exit) => {
      clearTimeout(limit)
      heard()
      resolve({ exit, stdout, stderr })
    })
  })
  return {
    child,
    ended,
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(`${stdout}\n${stderr}`)
          if (match) resolve(match)
          else if (child.exitCode !== null || child.signalCode !== null)
            reject(new Error(`it ended without saying ${pattern}: ${stdout}${stderr}`))
          else return
          waiting.delete(look)
        }
        waiting.add(look)
        look()
      }),
  }
}
