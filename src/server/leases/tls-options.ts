import { isIP } from 'node:net'
import { type ConnectionOptions, checkServerIdentity } from 'node:tls'
import type { UpstreamTls } from '../../api/connection.ts'

/** libpq's sslmode in the words of node:tls, for the admin connection. An authority that is given is always checked. */
export function tlsOptions({ sslmode, ca }: UpstreamTls, host: string): false | ConnectionOptions {
  const authority = ca === undefined ? {} : { ca }
  const name = isIP(host) === 0 ? { servername: host } : {}
  switch (sslmode) {
    case 'disable':
      return false
    case 'prefer':
    case 'require':
    case 'verify-ca': {
      const rejectUnauthorized = sslmode === 'verify-ca' || ca !== undefined
      return { ...authority, ...name, rejectUnauthorized, checkServerIdentity: () => undefined }
    }
    case 'verify-full':
      // An address is no name for SNI, so Node would check it as "localhost".
      return {
        ...authority,
        ...name,
        rejectUnauthorized: true,
        checkServerIdentity: (_servername, certificate) => checkServerIdentity(host, certificate),
      }
    default:
      return sslmode satisfies never
  }
}
