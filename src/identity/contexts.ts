import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { z } from 'zod'
import { AppError } from '../base/app-error.ts'
import { withFileLockHeld } from './file-lock.ts'
import { makePrivate, type Paths } from './paths.ts'
import { readPrivate, writePrivate } from './private-file.ts'

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'letters, digits, dots, hyphens; at most 63')

/** A server, the person signed in there, and what was pinned when they first did. */
const context = z.strictObject({
  server: z.url(),
  tenant: z.string(),
  issuer: z.url(),
  audience: z.url(),
  clientId: z.string(),
  /** Public key of what the server signs. Another one later is not trusted. */
  signingKey: z.record(z.string(), z.string()),
  sub: z.string(),
  email: z.string(),
  /** Where the credential lies. */
  store: z.enum(['keychain', 'file']),
  /** Newest policy bundle seen from there. */
  bundleVersion: z.int().default(0),
})

const configFile = z.strictObject({
  current: name.optional(),
  contexts: z.record(name, context).default({}),
})

export type Context = z.output<typeof context>
export type ConfigFile = z.output<typeof configFile>

/** @throws AppError `CONFIG_INVALID` naming the key that is wrong */
export function readConfig(paths: Paths): ConfigFile {
  const file = configPath(paths)
  const text = readPrivate(file)
  if (text === undefined) return { contexts: {} }
  let value: unknown
  try {
    value = parse(text)
  } catch (error) {
    throw invalid(file, error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'it is not YAML', error)
  }
  const parsed = configFile.safeParse(value ?? {})
  if (parsed.success) return parsed.data
  const why = parsed.error.issues.map(({ path, message }) => `${path.map(String).join('.') || 'file'}: ${message}`)
  throw invalid(file, why.join('; '), parsed.error)
}

/** Changes the file as it is now, not as it was read some time ago, and one process at a time. */
export function changeConfig(paths: Paths, change: (config: ConfigFile) => ConfigFile): void {
  withFileLockHeld(join(makePrivate(paths.config), 'config.lock'), () => {
    writePrivate(configPath(paths), stringify(configFile.parse(change(readConfig(paths)))))
  })
}

/** The context of that name; never a member that every object has. */
export function findContext(config: ConfigFile, name: string): Context | undefined {
  return Object.hasOwn(config.contexts, name) ? config.contexts[name] : undefined
}

/** The file without a context. */
export function withoutContext({ current, contexts }: ConfigFile, name: string): ConfigFile {
  const { [name]: _gone, ...others } = contexts
  return { ...(current !== undefined && current !== name ? { current } : {}), contexts: others }
}

/** @throws AppError `USAGE` for a name that cannot be one */
export function demandContextName(text: string): string {
  if (name.safeParse(text).success) return text
  throw new AppError(
    'USAGE',
    `Cannot use context name "${text}": it must be letters, digits, dots, hyphens; at most 63`,
  )
}

/**
 * The context to use: by flag, else HOOP_CONTEXT, else the current one.
 * @throws AppError `LOGIN_REQUIRED` when there is none
 */
export function pickContext(
  config: ConfigFile,
  asked: string | undefined,
  env: NodeJS.ProcessEnv,
): { readonly name: string; readonly context: Context; readonly source: string } {
  const fromEnv = env['HOOP_CONTEXT'] || undefined
  const picked = asked ?? fromEnv ?? config.current
  const source = asked ? '--context' : fromEnv ? 'HOOP_CONTEXT' : 'current context'
  const found = picked === undefined ? undefined : findContext(config, picked)
  if (picked !== undefined && found) return { name: picked, context: found, source }
  const others = Object.keys(config.contexts)
  if (picked !== undefined) throw nowhere(`there is no context "${picked}" (${source})`, others)
  throw nowhere(others.length === 0 ? 'you are not signed in anywhere' : 'no context is the current one', others)
}

function nowhere(why: string, others: readonly string[]): AppError {
  return new AppError('LOGIN_REQUIRED', `Cannot go on: ${why}`, {
    hint: ['hoop login https://your-hoop-server', ...(others.length === 0 ? [] : ['hoop context ls'])].join('\n'),
    ran: 'nothing',
  })
}

function configPath(paths: Paths): string {
  return join(paths.config, 'config.yaml')
}

function invalid(file: string, why: string, cause: unknown): AppError {
  return new AppError('CONFIG_INVALID', `Cannot read ${file}: ${why}`, {
    cause,
    hint: 'Correct the file, or move it away and sign in again',
  })
}
