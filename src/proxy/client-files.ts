import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Secret } from '../base/secret.ts'

/** Files with which libpq finds the session without a password on any command line (manual §34.16, §34.17). */
export interface ClientFiles {
  readonly directory: string
  readonly passFile: string
  readonly serviceFile: string
  readonly service: string
  remove(): void
}

/** Where a session is reached. */
export interface ClientAddress {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: Secret
}

/** Writes them into a folder of the session's own that only its owner can enter. */
export function writeClientFiles(directory: string, service: string, address: ClientAddress): ClientFiles {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  chmodSync(directory, 0o700)
  const { host, port, database, user, password } = address
  const passFile = join(directory, 'pgpass')
  const serviceFile = join(directory, 'pg_service.conf')
  const pass = [host, String(port), database, user, password.reveal()].map(escapePass).join(':')
  writeFileSync(passFile, `${pass}\n`, { mode: 0o600, flag: 'wx' })
  const lines = [
    `[${service}]`,
    `host=${host}`,
    `port=${port}`,
    `dbname=${database}`,
    `user=${user}`,
    'sslmode=disable',
    `passfile=${passFile}`,
  ]
  writeFileSync(serviceFile, `${lines.join('\n')}\n`, { mode: 0o600, flag: 'wx' })
  return {
    directory,
    passFile,
    serviceFile,
    service,
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

function escapePass(field: string): string {
  return field.replace(/[\\:]/g, '\\$&')
}
