import type { ConnectionOptions } from 'node:tls'
import type { UpstreamTls } from '../../api/connection.ts'

/** libpq's sslmode in the words of node:tls, for the admin connection. `prefer` is taken as clear text. */
export function tlsOptions({ sslmode, ca }: UpstreamTls, host: string): false | ConnectionOptions {
  if (sslmode === 'disable' || sslmode === 'prefer') return false
  const authority = ca === undefined ? {} : { ca }
  if (sslmode === 'require')
    return { ...authority, rejectUnauthorized: ca !== undefined, checkServerIdentity: () => undefined }
  if (sslmode === 'verify-ca') return { ...authority, rejectUnauthorized: true, checkServerIdentity: () => undefined }
  return { ...authority, rejectUnauthorized: true, servername: host }
}
