import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { z } from 'zod'
import { AppError } from '../base/app-error.ts'
import type { Paths } from './paths.ts'
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

export function writeConfig(paths: Paths, config: ConfigFile): void {
  writePrivate(configPath(paths), stringify(config))
}

/** Changes the file as it is now, not as it was read some time ago. */
export function changeConfig(paths: Paths, change: (config: ConfigFile) => ConfigFile): void {
  writeConfig(paths, change(readConfig(paths)))
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
  const found = picked === undefined ? undefined : config.contexts[picked]
  if (picked !== undefined && found) return { name: picked, context: found, source }
  const why = picked === undefined ? 'you are not signed in anywhere' : `there is no context "${picked}" (${source})`
  throw new AppError('LOGIN_REQUIRED', `Cannot go on: ${why}`, {
    hint: 'hoop login https://your-hoop-server',
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
