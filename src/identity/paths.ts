import { chmodSync, lstatSync, mkdirSync } from 'node:fs'
import { homedir, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { AppError } from '../base/app-error.ts'

/** Folders of one user, by the XDG base directory specification; HOOP_CONFIG_DIR moves all of them. */
export interface Paths {
  /** Contexts and credentials. */
  readonly config: string
  /** Spools, ports, what was seen. */
  readonly state: string
  /** Files of live sessions. */
  readonly runtime: string
}

export function readPaths(env: NodeJS.ProcessEnv): Paths {
  const moved = env['HOOP_CONFIG_DIR']
  if (moved) return { config: moved, state: join(moved, 'state'), runtime: join(moved, 'run') }
  const home = env['HOME'] || homedir()
  const runtime = env['XDG_RUNTIME_DIR']
  return {
    config: join(env['XDG_CONFIG_HOME'] || join(home, '.config'), 'hoop'),
    state: join(env['XDG_STATE_HOME'] || join(home, '.local', 'state'), 'hoop'),
    runtime: runtime ? join(runtime, 'hoop') : join(env['TMPDIR'] || tmpdir(), `hoop-${userInfo().uid}`),
  }
}

/** Makes a folder only its owner can enter. @throws AppError `LOCAL_STATE` when it is somebody else's, or a link */
export function makePrivate(folder: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const status = lstatSync(folder)
  const uid = process.getuid?.()
  if (!status.isDirectory() || (uid !== undefined && status.uid !== uid)) {
    throw new AppError('LOCAL_STATE', `Cannot use ${folder}: it is not a folder of yours`, {
      hint: 'Move it away, or set HOOP_CONFIG_DIR to a folder of your own',
    })
  }
  if ((status.mode & 0o077) !== 0) chmodSync(folder, 0o700)
  return folder
}
