import { startLocalPostgres } from '../../src/demo/local-postgres.ts'

/** A PostgreSQL of the test's own: a new cluster on a free loopback port, its data gone with `stop`. */
export interface RealPostgres {
  readonly url: string
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  stop(): Promise<void>
}

/** Starts one, as root or not: from the embedded package, else `postgres` on PATH, else Debian's folders. */
export async function startPostgres(settings: readonly string[] = []): Promise<RealPostgres> {
  const { host, port, user, password, stop } = await startLocalPostgres({ settings })
  const clear = password.reveal()
  return { url: `postgresql://${user}:${clear}@${host}:${port}/postgres`, host, port, user, password: clear, stop }
}
