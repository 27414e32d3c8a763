import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { Secret } from '../../base/secret.ts'
import { makePrivate, type Paths } from '../../identity/paths.ts'
import { type ClientAddress, type ClientFiles, writeClientFiles } from '../../proxy/client-files.ts'

const description = z.object({
  v: z.literal(1),
  session: z.string(),
  connection: z.string(),
  context: z.string(),
  pid: z.int(),
  host: z.string(),
  port: z.int(),
  database: z.string(),
  user: z.string(),
  startedAtMs: z.int(),
  endsAtMs: z.int(),
})

/** What the folder of a live session says of it; never its password. */
export type SessionDescription = z.infer<typeof description>

/** A session of this user with an open local port. */
export interface LiveSession extends SessionDescription {
  readonly directory: string
  readonly passFile: string
  readonly serviceFile: string
  /** Read from the pass file at every call. */
  password(): Secret
}

const file = 'session.json'

/** Writes the folder of a session: what it is, and the files with which libpq finds it. Folders of dead ones go. */
export function writeSessionDirectory(
  paths: Paths,
  session: Omit<SessionDescription, 'v' | 'pid'>,
  address: ClientAddress,
): ClientFiles {
  const sessions = sessionsFolder(paths)
  liveSessions(paths)
  const directory = join(sessions, session.session)
  const files = writeClientFiles(directory, session.connection, address)
  const text = JSON.stringify({ v: 1, pid: process.pid, ...session } satisfies SessionDescription)
  writeFileSync(join(directory, file), text, { mode: 0o600, flag: 'wx' })
  return files
}

/** The sessions whose process lives, newest first. What a killed process left behind is removed. */
export function liveSessions(paths: Paths): readonly LiveSession[] {
  const sessions = sessionsFolder(paths)
  return readdirSync(sessions)
    .flatMap((name) => {
      const directory = join(sessions, name)
      const found = readDescription(directory)
      if (found !== null && isAlive(found.pid)) return [describe(found, directory)]
      // A folder without a description may be one that is being written at this moment.
      if (found !== null) rmSync(directory, { recursive: true, force: true })
      return []
    })
    .sort((a, b) => b.startedAtMs - a.startedAtMs)
}

function sessionsFolder(paths: Paths): string {
  makePrivate(paths.runtime)
  return makePrivate(join(paths.runtime, 's'))
}

function describe(found: SessionDescription, directory: string): LiveSession {
  const passFile = join(directory, 'pgpass')
  return {
    ...found,
    directory,
    passFile,
    serviceFile: join(directory, 'pg_service.conf'),
    password: () => new Secret(lastField(readFileSync(passFile, 'utf8'))),
  }
}

/** Null: it is not there, or not one of ours. */
function readDescription(directory: string): SessionDescription | null {
  const path = join(directory, file)
  if (!existsSync(path)) return null
  try {
    return description.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    // Half written, or of another version: not a session that can be used.
    return null
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** The password of `host:port:db:user:password`; our passwords hold neither `:` nor `\`. */
function lastField(line: string): string {
  return line.trimEnd().slice(line.lastIndexOf(':') + 1)
}
