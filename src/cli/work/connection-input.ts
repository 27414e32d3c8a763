import { readFile } from 'node:fs/promises'
import { text as readAll } from 'node:stream/consumers'
import { type ConnectionInput, connectionInput } from '../../api/connection.ts'
import { AppError } from '../../base/app-error.ts'
import { parseDurationMs } from '../../base/duration.ts'
import { Secret } from '../../base/secret.ts'

/** What the flags of `admin connection create` say; a password is never among them. */
export interface ConnectionFlags {
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly database?: string | undefined
  readonly environment?: string | undefined
  readonly sslmode?: string | undefined
  readonly caFile?: string | undefined
  readonly adminUser?: string | undefined
  readonly template?: string | undefined
  readonly user?: string | undefined
  readonly placement?: string | undefined
  readonly durability?: string | undefined
  readonly sessionFor?: string | undefined
  readonly offlineFor?: string | undefined
}

/** Where a password comes from: a file, a variable, or stdin. */
export interface PasswordSource {
  readonly file?: string | undefined
  readonly variable?: string | undefined
  readonly isStdin?: boolean | undefined
}

/**
 * Reads a password from its one source; a line end at its close is not part of it.
 * @throws AppError `USAGE` when two sources are named, or the one named holds nothing
 */
export async function readPassword(source: PasswordSource): Promise<Secret | undefined> {
  const named = [source.file, source.variable, source.isStdin ? 'stdin' : undefined].filter(
    (name) => name !== undefined,
  )
  if (named.length === 0) return undefined
  if (named.length > 1) throw new AppError('USAGE', 'Cannot read password: more than one source is named')
  const text = await passwordText(source)
  const password = text.replace(/\r?\n$/, '')
  if (password === '') throw new AppError('USAGE', `Cannot read password: ${named[0]} holds none`)
  return new Secret(password)
}

/**
 * A connection from the YAML of a file, the flags over it, and a password from elsewhere.
 * @throws AppError `CONFIG_INVALID` naming what is wrong or missing
 */
export async function buildConnection(
  name: string,
  flags: ConnectionFlags,
  { file, password }: { readonly file?: string | undefined; readonly password?: Secret | undefined },
): Promise<ConnectionInput> {
  const written = file === undefined ? {} : await readYaml(file)
  const ca = flags.caFile === undefined ? undefined : await readText(flags.caFile, 'certificate')
  const merged = {
    engine: 'postgres',
    ...written,
    ...dropUnset({
      name,
      host: flags.host,
      port: flags.port ?? (written['port'] === undefined ? 5432 : undefined),
      database: flags.database,
      environment: flags.environment,
      placement: flags.placement,
      durability: flags.durability,
      sessionForS: flags.sessionFor === undefined ? undefined : Math.floor(parseDurationMs(flags.sessionFor) / 1000),
      offlineForS: flags.offlineFor === undefined ? undefined : Math.floor(parseDurationMs(flags.offlineFor) / 1000),
    }),
    tls: { sslmode: 'verify-full', ...memberOf(written, 'tls'), ...dropUnset({ sslmode: flags.sslmode, ca }) },
    credentials: credentialsOf(memberOf(written, 'credentials'), flags, password),
  }
  const parsed = connectionInput.safeParse(merged)
  if (parsed.success) return parsed.data
  const why = parsed.error.issues.map(({ path, message }) => `${path.map(String).join('.')}: ${message}`)
  throw new AppError('CONFIG_INVALID', `Cannot create connection "${name}"\n${why.join('\n')}`, {
    hint: 'hoop admin connection create --help',
  })
}

function credentialsOf(
  written: Readonly<Record<string, unknown>>,
  flags: ConnectionFlags,
  password: Secret | undefined,
): Readonly<Record<string, unknown>> {
  const kind = flags.user === undefined ? (flags.adminUser === undefined ? written['kind'] : 'lease') : 'static'
  if (flags.user !== undefined && flags.adminUser !== undefined) {
    throw new AppError(
      'USAGE',
      'Cannot create connection: --user is a fixed role, --admin-user makes one per session',
      {
        hint: 'Give one of the two',
      },
    )
  }
  const secret = password?.reveal()
  return kind === 'static'
    ? { ...written, kind, ...dropUnset({ user: flags.user, password: secret }) }
    : {
        ...written,
        kind: 'lease',
        ...dropUnset({ adminUser: flags.adminUser, template: flags.template, adminPassword: secret }),
      }
}

async function passwordText(source: PasswordSource): Promise<string> {
  if (source.file !== undefined) return readText(source.file, 'password')
  if (source.variable !== undefined) return process.env[source.variable] ?? ''
  return readAll(process.stdin)
}

async function readYaml(file: string): Promise<Readonly<Record<string, unknown>>> {
  const text = file === '-' ? await readAll(process.stdin) : await readText(file, 'connection')
  const { parse } = await import('yaml')
  try {
    const value: unknown = parse(text)
    if (isRecord(value)) return value
  } catch (cause) {
    // The parser's own text may quote the line, and the line may be the password.
    throw new AppError('CONFIG_INVALID', `Cannot read connection: "${file}" is not YAML${lineOf(cause)}`)
  }
  throw new AppError('CONFIG_INVALID', `Cannot read connection: "${file}" holds no mapping`)
}

function lineOf(error: unknown): string {
  const [at] = (error as { readonly linePos?: readonly { readonly line: number }[] }).linePos ?? []
  return at === undefined ? '' : ` at line ${at.line}`
}

async function readText(file: string, what: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new AppError('CONFIG_INVALID', `Cannot read ${what}: "${file}" cannot be opened`, { cause })
  })
}

function memberOf(record: Readonly<Record<string, unknown>>, name: string): Readonly<Record<string, unknown>> {
  const member = record[name]
  return isRecord(member) ? member : {}
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function dropUnset(record: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined))
}
