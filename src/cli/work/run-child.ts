import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'

/** How a child ended, as the exit code a shell would show; 126 and 127 when it could not be started. */
export interface ChildEnd {
  readonly exit: number
  /** Why it could not be started; undefined when it was. */
  readonly failure?: 'not-found' | 'not-runnable'
}

const forwarded = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const

/**
 * Runs a program with our stdin, stdout and stderr and waits for its end. Signals go to it, not to us; those the terminal
 * gives to the whole group it has already.
 */
export function runChild(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<ChildEnd> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, stdio: 'inherit' })
    const handlers = forwarded.map((signal) => {
      const isOfTerminal = process.stdin.isTTY === true && (signal === 'SIGINT' || signal === 'SIGQUIT')
      const handler = (): void => {
        if (!isOfTerminal) child.kill(signal)
      }
      process.on(signal, handler)
      return () => process.off(signal, handler)
    })
    const end = (ended: ChildEnd): void => {
      for (const remove of handlers) remove()
      resolve(ended)
    }
    child.on('error', (error: NodeJS.ErrnoException) => {
      const isFound = error.code !== 'ENOENT' && isThere(command, env)
      end(isFound ? { exit: 126, failure: 'not-runnable' } : { exit: 127, failure: 'not-found' })
    })
    child.on('exit', (code, signal) => end({ exit: code ?? 128 + (signal === null ? 0 : constants.signals[signal]) }))
  })
}

/** A folder on PATH that may not be entered makes the system say "not allowed" of a program that is nowhere. */
function isThere(command: string, env: NodeJS.ProcessEnv): boolean {
  if (command.includes('/')) return existsSync(command)
  return (env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, command)))
}
