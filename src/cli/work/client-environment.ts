/** Where a program finds a session, as its environment says it. */
export interface ClientEnvironment {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly passFile: string
  readonly serviceFile: string
}

/** What libpq would obey as well, and what would lead it elsewhere (manual §34.15). */
const misleading = [
  'PGHOSTADDR',
  'PGSERVICE',
  'PGPASSWORD',
  'PGREQUIREAUTH',
  'PGREQUIREPEER',
  'PGREQUIRESSL',
  'PGCHANNELBINDING',
  'PGGSSENCMODE',
  'PGKRBSRVNAME',
  'PGSSLNEGOTIATION',
  'PGTARGETSESSIONATTRS',
  'PGLOADBALANCEHOSTS',
] as const

/** The variables of libpq for a session, without a password. */
export function pgVariables(client: ClientEnvironment): Readonly<Record<string, string>> {
  return {
    PGHOST: client.host,
    PGPORT: String(client.port),
    PGUSER: client.user,
    PGDATABASE: client.database,
    PGPASSFILE: client.passFile,
    PGSSLMODE: 'disable',
    PGSERVICEFILE: client.serviceFile,
  }
}

/** The environment of a child: ours, with a way to the session and nothing that leads elsewhere. */
export function childEnvironment(
  own: NodeJS.ProcessEnv,
  client: ClientEnvironment,
  password: string,
): NodeJS.ProcessEnv {
  const kept = Object.fromEntries(
    Object.entries(own).filter(([name]) => !(misleading as readonly string[]).includes(name)),
  )
  return { ...kept, ...pgVariables(client), DATABASE_URL: connectionUri(client, password) }
}

/** `postgres://…`; without a password where none is given. */
export function connectionUri(client: Omit<ClientEnvironment, 'passFile' | 'serviceFile'>, password?: string): string {
  const who = password === undefined ? client.user : `${client.user}:${encodeURIComponent(password)}`
  return `postgres://${who}@${client.host}:${client.port}/${encodeURIComponent(client.database)}?sslmode=disable`
}
