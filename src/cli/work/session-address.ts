import { connectionUri, pgVariables } from './client-environment.ts'
import type { LiveSession } from './session-directory.ts'

/** The ways an address is written, each for one kind of client. */
export type AddressFormat = 'uri' | 'jdbc' | 'dsn' | 'service'

/** One line that leads a client to a session; the password is in it only where one is given. */
export function sessionAddress(session: LiveSession, format: AddressFormat, password: string | undefined): string {
  const { host, port, database, user, passFile, connection } = session
  switch (format) {
    case 'uri':
      return connectionUri(session, password)
    case 'jdbc': {
      const query = new URLSearchParams({ user, ...(password === undefined ? {} : { password }), sslmode: 'disable' })
      return `jdbc:postgresql://${host}:${port}/${encodeURIComponent(database)}?${query}`
    }
    case 'dsn': {
      const secret = password === undefined ? `passfile=${dsnValue(passFile)}` : `password=${dsnValue(password)}`
      return `host=${host} port=${port} dbname=${dsnValue(database)} user=${user} ${secret} sslmode=disable`
    }
    case 'service':
      return `service=${connection}`
    default:
      return format satisfies never
  }
}

/** Lines that set the variables of libpq: for a shell, or for a `.env` file. */
export function environmentLines(
  session: LiveSession,
  format: 'shell' | 'dotenv',
  password: string | undefined,
): readonly string[] {
  const variables = { ...pgVariables(session), DATABASE_URL: connectionUri(session, password) }
  return Object.entries(variables).map(([name, value]) =>
    format === 'shell' ? `export ${name}=${shellValue(value)}` : `${name}=${JSON.stringify(value)}`,
  )
}

function dsnValue(value: string): string {
  return /^[\w./-]+$/.test(value) ? value : `'${value.replace(/['\\]/g, '\\$&')}'`
}

function shellValue(value: string): string {
  return /^[\w./:@%=?-]+$/.test(value) && !value.includes('?') ? value : `'${value.replaceAll("'", "'\\''")}'`
}
