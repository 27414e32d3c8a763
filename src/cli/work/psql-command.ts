import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { ChildNotRun } from './run-connect.ts'

/**
 * psql with its arguments. A script of psql goes on after an error and then says 0; with `-f` it is told not to.
 * @throws ChildNotRun with 127 when there is no psql
 */
export function psqlCommand(env: NodeJS.ProcessEnv, args: readonly string[]): readonly string[] {
  if (!isOnPath(env['PATH'] ?? '', 'psql')) {
    throw new ChildNotRun(127, 'Cannot open psql: it is not installed', {
      hint: `${installHint()}\nOr without it: hoop exec CONNECTION -- 'select 1'`,
    })
  }
  const readsFile = args.some((arg) => arg === '--file' || /^(-f|--file=)/.test(arg))
  return ['psql', ...(readsFile ? ['-v', 'ON_ERROR_STOP=1'] : []), ...args]
}

function installHint(): string {
  switch (process.platform) {
    case 'darwin':
      return 'brew install libpq && brew link --force libpq'
    case 'win32':
      return 'winget install PostgreSQL.PostgreSQL'
    default:
      return 'apt-get install postgresql-client   (dnf install postgresql)'
  }
}

function isOnPath(path: string, program: string): boolean {
  return path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .some((folder) => isRunnable(join(folder, process.platform === 'win32' ? `${program}.exe` : program)))
}

function isRunnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    // Not there, or not for us: the next folder may have one.
    return false
  }
}
