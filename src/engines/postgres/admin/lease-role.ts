import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'

/**
 * SQL of leased roles: one login role per session, whose only right is membership in a template role. It is known for ours by
 * its name and by its comment, and nothing that lacks either is ever dropped.
 */
const prefix = 'hoop_lease_'
const commentPrefix = 'hoop lease of session '

/** The role of a session. Session ids are base 32, so lower case loses nothing. */
export function leaseRoleName(session: string): string {
  return `${prefix}${session.toLowerCase().replace(/[^a-z0-9]/g, '_')}`.slice(0, 63)
}

/** What a lease is made of. The password goes as a verifier: in clear it would stand in the database's log. */
export interface LeaseRole {
  readonly role: string
  readonly template: string
  readonly session: string
  readonly verifier: string
  readonly validUntilMs: number
  /** As server_version_num, e.g. 150018. */
  readonly serverVersion: number
}

/** Statements that make a lease, to be run in one transaction. */
export function createLeaseStatements(lease: LeaseRole): readonly string[] {
  const role = quoteIdentifier(lease.role)
  const until = quoteLiteral(new Date(lease.validUntilMs).toISOString())
  // From 16 on a membership says how it may be used: inherited, but never by SET ROLE.
  const options = lease.serverVersion >= 160_000 ? ' with inherit true, set false' : ''
  return [
    `create role ${role} login noinherit nosuperuser nocreatedb nocreaterole noreplication
       password ${quoteLiteral(lease.verifier)} valid until ${until}`,
    `alter role ${role} inherit`,
    `grant ${quoteIdentifier(lease.template)} to ${role}${options}`,
    `comment on role ${role} is ${quoteLiteral(`${commentPrefix}${lease.session}`)}`,
  ]
}

/** Statements that stop new logins of a lease and let its maker act for it: only then may it end its connections. */
export function closeLeaseStatements(role: string): readonly string[] {
  const name = quoteIdentifier(role)
  return [`alter role ${name} nologin`, `grant ${name} to current_user`]
}

/** Ends the connections of a lease; VALID UNTIL alone stops only new logins. */
export const terminateLeaseQuery = 'select pg_terminate_backend(pid) from pg_stat_activity where usename = $1'

/** Statements that remove a closed lease. What it made goes to the template first. */
export function dropLeaseStatements(role: string, template: string): readonly string[] {
  const name = quoteIdentifier(role)
  return [`reassign owned by ${name} to ${quoteIdentifier(template)}`, `drop owned by ${name}`, `drop role ${name}`]
}

/** Roles that are ours by name and comment: role, session. */
export const listLeasesQuery = `
  select r.rolname as role, substr(d.description, ${commentPrefix.length + 1}) as session
  from pg_roles r join pg_shdescription d on d.objoid = r.oid and d.classoid = 'pg_authid'::regclass
  where starts_with(r.rolname, '${prefix}') and starts_with(d.description, '${commentPrefix}')`

/** The text pg_authid keeps for a password (RFC 5803; manual §53.8). */
export function scramVerifier(password: string, salt: Uint8Array, iterations = 4_096): string {
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256')
  const key = (name: string): Buffer => createHmac('sha256', salted).update(name).digest()
  const stored = createHash('sha256').update(key('Client Key')).digest('base64')
  const base64Salt = Buffer.from(salt).toString('base64')
  return `SCRAM-SHA-256$${iterations}:${base64Salt}$${stored}:${key('Server Key').toString('base64')}`
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`
  return text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted
}
