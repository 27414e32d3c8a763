import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { Secret } from '../base/secret.ts'
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.ts'

/** A throw-away PostgreSQL on loopback. Its data lie in a temporary folder and go when it stops. */
export interface LocalPostgres {
  readonly host: '127.0.0.1'
  readonly port: number
  readonly user: 'postgres'
  readonly password: Secret
  readonly origin: PostgresBinaries['origin']
  stop(): Promise<void>
}

/** Who runs the server: PostgreSQL refuses to run as root, so root lends it to an account without rights. */
interface OsUser {
  readonly uid: number
  readonly gid: number
}

const startLimitMs = 30_000
const portTries = 5

/** Extra settings for `postgres -c`, as in `log_statement=all`. */
export interface LocalPostgresOptions {
  readonly settings?: readonly string[]
  readonly binaries?: PostgresBinaries
}

/**
 * Makes a new cluster and starts it, as root or not.
 * @throws AppError `LOCAL_STATE` when no server can be run here, with what it said last
 */
export async function startLocalPostgres(options: LocalPostgresOptions = {}): Promise<LocalPostgres> {
  const home = mkdtempSync(join(tmpdir(), 'hoop-postgres-'))
  try {
    return await startIn(home, options)
  } catch (error) {
    rmSync(home, { recursive: true, force: true })
    throw error
  }
}

async function startIn(home: string, options: LocalPostgresOptions): Promise<LocalPostgres> {
  const osUser = process.getuid?.() === 0 ? unprivileged() : null
  if (osUser) chownSync(home, osUser.uid, osUser.gid)
  const binaries = reachable(options.binaries ?? findPostgresBinaries(process.env), home, osUser)
  const password = new Secret(randomBytes(20).toString('base64url'))
  const data = join(home, 'data')
  makeCluster({ bin: binaries.bin, data, password, osUser })
  for (let attempt = 1; ; attempt++) {
    const port = await freePort()
    const server = launch({ bin: binaries.bin, data, socket: home, port, osUser, settings: options.settings ?? [] })
    const said = await firstWord(server)
    if (said.ready) {
      const stop = stopper(server, home)
      return { host: '127.0.0.1', port, user: 'postgres', password, origin: binaries.origin, stop }
    }
    const portTaken = /Address already in use/i.test(said.log)
    if (!portTaken || attempt === portTries) {
      throw new AppError('LOCAL_STATE', `Cannot start a demo database: ${lastLine(said.log)}`)
    }
  }
}

function unprivileged(): OsUser {
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, name], { stdio: 'pipe' })))
      if (uid && gid) return { uid, gid }
    } catch {
      // No such account: try the next.
    }
  }
  throw new AppError('LOCAL_STATE', 'Cannot start a demo database: root has no account to lend it to', {
    hint: 'Run as an ordinary user, or create a user called postgres',
  })
}

/** The same binaries, copied to `home` when the account that will run them cannot get at them (a clone in /root). */
function reachable(binaries: PostgresBinaries, home: string, osUser: OsUser | null): PostgresBinaries {
  if (!osUser) return binaries
  try {
    execFileSync(join(binaries.bin, 'postgres'), ['--version'], { ...osUser, cwd: '/', stdio: 'pipe' })
    return binaries
  } catch {
    const installation = join(home, 'installation')
    mkdirSync(installation)
    cpSync(binaries.installation, installation, { recursive: true, verbatimSymlinks: true })
    chownSync(installation, osUser.uid, osUser.gid)
    return { ...binaries, installation, bin: join(installation, 'bin') }
  }
}

interface Cluster {
  readonly bin: string
  readonly data: string
  readonly password: Secret
  readonly osUser: OsUser | null
}

function makeCluster({ bin, data, password, osUser }: Cluster): void {
  const flags = ['--username=postgres', '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-sync']
  const passwordFile = `${data}.password`
  try {
    // Its folder is closed to everybody else, and it is gone before the server starts.
    writeFileSync(passwordFile, `${password.reveal()}\n`, { mode: 0o600, flag: 'wx' })
    if (osUser) chownSync(passwordFile, osUser.uid, osUser.gid)
    execFileSync(join(bin, 'initdb'), ['--pgdata', data, `--pwfile=${passwordFile}`, ...flags], {
      ...osUser,
      cwd: '/',
      stdio: 'pipe',
    })
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)
    throw new AppError('LOCAL_STATE', `Cannot make a demo database: ${lastLine(said)}`, { cause: error })
  } finally {
    rmSync(passwordFile, { force: true })
  }
}

interface Launch {
  readonly bin: string
  readonly data: string
  readonly socket: string
  readonly port: number
  readonly osUser: OsUser | null
  readonly settings: readonly string[]
}

function launch({ bin, data, socket, port, osUser, settings }: Launch): ChildProcess {
  const all = ['listen_addresses=127.0.0.1', `unix_socket_directories=${socket}`, 'fsync=off', ...settings]
  const flags = all.flatMap((setting) => ['-c', setting])
  // A group of its own: Ctrl-C in the terminal must not end the database before those who use it.
  return spawn(join(bin, 'postgres'), ['-D', data, '-p', String(port), ...flags], {
    ...osUser,
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
}

/** Waits until the server says that it is ready, or ends, or the time is over. */
function firstWord(server: ChildProcess): Promise<{ readonly ready: boolean; readonly log: string }> {
  return new Promise((resolve) => {
    let log = ''
    const settle = (ready: boolean): void => {
      clearTimeout(limit)
      resolve({ ready, log })
    }
    const limit = setTimeout(() => {
      server.kill('SIGKILL')
      settle(false)
    }, startLimitMs)
    server.once('error', (error) => {
      log += error.message
      settle(false)
    })
    server.once('exit', () => settle(false))
    server.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (log.length < 65_536) log += text
      if (text.includes('ready to accept connections')) settle(true)
    })
  })
}

function stopper(server: ChildProcess, home: string): () => Promise<void> {
  let stopping: Promise<void> | undefined
  const stopNow = async (): Promise<void> => {
    if (server.exitCode === null && server.signalCode === null) {
      const gone = new Promise((resolve) => server.once('exit', resolve))
      server.kill('SIGINT')
      const harder = setTimeout(() => server.kill('SIGQUIT'), 5_000)
      await gone
      clearTimeout(harder)
    }
    rmSync(home, { recursive: true, force: true })
  }
  return () => {
    stopping ??= stopNow()
    return stopping
  }
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? 'it said nothing'
}
