import { lstatSync, mkdirSync, type Stats } from 'node:fs'
import { homedir, tmpdir, userInfo } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
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
  if (moved) {
    const config = resolve(moved)
    return { config, state: join(config, 'state'), runtime: join(config, 'run') }
  }
  const home = env['HOME'] || homedir()
  const runtime = absolute(env['XDG_RUNTIME_DIR'])
  return {
    config: join(absolute(env['XDG_CONFIG_HOME']) ?? join(home, '.config'), 'hoop'),
    state: join(absolute(env['XDG_STATE_HOME']) ?? join(home, '.local', 'state'), 'hoop'),
    runtime: runtime ? join(runtime, 'hoop') : join(env['TMPDIR'] || tmpdir(), `hoop-${userInfo().uid}`),
  }
}

/**
 * Makes a folder that only its owner can enter. One that is there already is taken as it is or refused, never changed: it may be
 * one that others need.
 * @throws AppError `LOCAL_STATE` when it is somebody else's, or a link, or others can enter it
 */
export function makePrivate(folder: string): string {
  const status = madeOrThere(folder)
  const uid = process.getuid?.()
  if (!status.isDirectory() || (uid !== undefined && status.uid !== uid)) {
    throw new AppError('LOCAL_STATE', `Cannot use ${folder}: it is not a folder of yours`, {
      hint: 'Move it away, or set HOOP_CONFIG_DIR to a folder of your own',
    })
  }
  if (uid !== undefined && (status.mode & 0o077) !== 0) {
    throw new AppError('LOCAL_STATE', `Cannot use ${folder}: others can enter it`, {
      hint: `If it is only for hoop: chmod 700 ${folder}`,
    })
  }
  return folder
}

function madeOrThere(folder: string): Stats {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return lstatSync(folder)
  } catch (error) {
    // In the way is a file, or a link that leads nowhere.
    const why = error instanceof Error ? error.message : 'unknown'
    throw new AppError('LOCAL_STATE', `Cannot make ${folder}: ${why}`, {
      cause: error,
      hint: 'Set HOOP_CONFIG_DIR to a folder of your own',
    })
  }
}

/** The specification has relative ones ignored. */
function absolute(folder: string | undefined): string | undefined {
  return folder !== undefined && isAbsolute(folder) ? folder : undefined
}
