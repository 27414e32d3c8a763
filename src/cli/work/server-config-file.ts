import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { AppError } from '../../base/app-error.ts'
import { Secret } from '../../base/secret.ts'
import { hashPassword } from '../../server/auth/passwords.ts'
import { readServerConfig, type ServerConfig } from '../../server/config.ts'

/** @throws AppError `CONFIG_INVALID` when the file cannot be read or a key in it is wrong */
export function loadServerConfig(file: string): ServerConfig {
  const path = resolve(file)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `Cannot read server config: "${file}" cannot be opened`, {
      cause,
      hint: `hoop server init ${file}`,
    })
  }
  return readServerConfig(text, dirname(path))
}

/** The account of a first config, and its password, which is shown once and stored nowhere. */
export interface FirstAdmin {
  readonly email: string
  readonly password: Secret
}

/** Writes a first config with a comment at every key. @throws AppError `USAGE` when the file is there */
export async function writeServerConfig(file: string): Promise<FirstAdmin> {
  const path = resolve(file)
  if (existsSync(path)) throw new AppError('USAGE', `Cannot write server config: "${file}" is there already`)
  const password = randomBytes(15).toString('base64url')
  const text = template.replace('PASSWORD_HASH', await hashPassword(password))
  readServerConfig(text, dirname(path))
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text, { mode: 0o600, flag: 'wx' })
  return { email: 'admin@example.com', password: new Secret(password) }
}

const template = `# Configuration of a hoop server. Unknown keys are errors.

# Address people reach the server at, as the proxy in front of it is called. Without it: where it listens.
# url: https://hoop.example.com

listen:
  host: 127.0.0.1
  port: 7410

# Short name of your organisation; it stands in every policy bundle.
tenant: acme

# Folder of the key file and the database, relative to this file. Keep the key file apart from backups of the rest.
dataDir: ./hoop-data

# kind: postgres takes a url instead.
store:
  kind: sqlite

# People the server knows by itself. A passwordHash for somebody else: hoop server password
identity:
  people:
    - sub: admin
      email: admin@example.com
      name: First administrator
      groups: [admins]
      passwordHash: PASSWORD_HASH

# Rights at the server itself, by group: admin, policy-author, approver, auditor.
roles:
  admins: [admin, policy-author]

# Seconds without a heartbeat after which a session counts as over.
abandonedAfterS: 120

# Seconds within which an approval can be given.
approvalForS: 600
`
