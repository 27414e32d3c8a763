import { isAbsolute, join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { AppError } from '../base/app-error.ts'
import { Secret } from '../base/secret.ts'
import { passwordHashPattern } from './auth/password-hash-pattern.ts'

const person = z.strictObject({
  sub: z.string().min(1),
  email: z.email(),
  name: z.string().min(1),
  groups: z.array(z.string()),
  /** How they sign in, where no identity provider does it: made by `hoop server password`. */
  passwordHash: z.string().regex(passwordHashPattern, 'hoop server password makes one').optional(),
})

/** People a server knows by itself. */
export type Person = z.infer<typeof person>

const roles = z.enum(['admin', 'policy-author', 'approver', 'auditor'])

const configFile = z.strictObject({
  /** Address people reach the server at. Defaults to the one it listens on. */
  url: z.string().refine(isServerUrl, 'https://HOST, without a path; http only for a loopback address').optional(),
  listen: z.strictObject({ host: z.string().min(1), port: z.int().min(0).max(65_535) }),
  tenant: z.string().regex(/^[a-z0-9-]{1,63}$/),
  /** Folder for the key file and, unless said otherwise, the SQLite file. */
  dataDir: z.string().min(1),
  store: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('sqlite') }),
      z.strictObject({
        kind: z.literal('postgres'),
        url: z
          .string()
          .refine(
            (url) => /^postgres(ql)?:\/\/./.test(url) && URL.canParse(url),
            'postgresql://USER:PASSWORD@HOST/DATABASE',
          )
          .transform((url) => new Secret(url)),
      }),
    ])
    .default({ kind: 'sqlite' }),
  identity: z.strictObject({ people: z.array(person).refine(eachOnce, 'two people have the same sub or email') }),
  /** Rights at the server itself, by group. */
  roles: z.record(z.string(), z.array(roles)).default({}),
  /** Seconds without a heartbeat after which a session counts as over; never less than the connection's offlineFor. */
  abandonedAfterS: z.int().min(10).default(120),
  /** Seconds an approval can be given. */
  approvalForS: z.int().min(10).max(86_400).default(600),
})

export type ServerConfig = z.output<typeof configFile>
export type Role = z.infer<typeof roles>

/** @throws AppError `CONFIG_INVALID` naming the key that is wrong */
export function readServerConfig(text: string, folder: string): ServerConfig {
  let value: unknown
  try {
    value = parse(text)
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : 'it is not YAML'
    throw new AppError('CONFIG_INVALID', `Cannot read server config: ${why}`, { cause: error })
  }
  const parsed = configFile.safeParse(value)
  if (!parsed.success) {
    const why = parsed.error.issues.map(({ path, message }) => `${path.map(String).join('.') || 'file'}: ${message}`)
    throw new AppError('CONFIG_INVALID', `Cannot read server config: ${why.join('; ')}`, {
      hint: 'hoop server init writes one with comments',
    })
  }
  const { dataDir } = parsed.data
  return { ...parsed.data, dataDir: isAbsolute(dataDir) ? dataDir : join(folder, dataDir) }
}

/** Tokens go there: in clear only where they do not leave the machine. The API and the issuer hang right below it. */
function isServerUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, href, origin } = new URL(text)
  const isLoopback = ['127.0.0.1', 'localhost', '[::1]'].includes(hostname)
  return (protocol === 'https:' || (protocol === 'http:' && isLoopback)) && href === `${origin}/`
}

function eachOnce(people: readonly Person[]): boolean {
  return (['sub', 'email'] as const).every((key) => new Set(people.map((one) => one[key])).size === people.length)
}

/** Where the store of a config is. */
export function storeOf(config: ServerConfig): { kind: 'sqlite'; file: string } | { kind: 'postgres'; url: Secret } {
  return config.store.kind === 'sqlite' ? { kind: 'sqlite', file: join(config.dataDir, 'hoop.sqlite') } : config.store
}
