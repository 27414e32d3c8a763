import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'

/**
 * SQL of leased roles: one login role per session, whose only right is membership in a template role. It is known for ours by
 * its name and by its comment, and nothing that lacks either is ever dropped.
 */
const prefix = 'hoop_lease_'
const commentPrefix = 'hoop lease of session '
const serverPrefix = ' by server '

/** The role of a session. Session ids are base 32, so lower case loses nothing. */
export function leaseRoleName(session: string): string {
  return `${prefix}${session.toLowerCase().replace(/[^a-z0-9]/g, '_')}`.slice(0, 63)
}

/** What a lease is made of. The password goes as a verifier: in clear it would stand in the database's log. */
export interface LeaseRole {
  readonly role: string
  readonly template: string
  readonly session: string
  /** Which hoop server made it: several may have leases at one database, and none touches another's. */
  readonly server: string
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
    `comment on role ${role} is ${quoteLiteral(`${commentPrefix}${lease.session}${serverPrefix}${lease.server}`)}`,
  ]
}

/**
 * Statements that let nobody in by a lease any more, and give the admin the rights over it that ending it takes where the
 * admin is no superuser. They come before its connections are ended, so that no new one follows.
 */
export function closeLeaseStatements(role: string): readonly string[] {
  const name = quoteIdentifier(role)
  return [`alter role ${name} nologin`, `grant ${name} to current_user`]
}

/** Ends the connections of a lease; VALID UNTIL alone stops only new logins. */
export const terminateLeaseQuery = 'select pg_terminate_backend(pid) from pg_stat_activity where usename = $1'

/** Statements that remove a closed lease. What it made goes to the template first. */
export function dropLeaseStatements(role: string, template: string): readonly string[] {
  return [...emptyLeaseStatements(role, template), `drop role ${quoteIdentifier(role)}`]
}

/** Databases other than this one in which a role owns something, or has been given rights. */
export const leaseElsewhereQuery = `
  select distinct d.datname as database
  from pg_shdepend s join pg_database d on d.oid = s.dbid join pg_roles r on r.oid = s.refobjid
  where s.refclassid = 'pg_authid'::regclass and r.rolname = $1 and d.datname <> current_database()`

/** Statements that leave a lease nothing in one more database. */
export function emptyLeaseStatements(role: string, template: string): readonly string[] {
  const name = quoteIdentifier(role)
  return [`reassign owned by ${name} to ${quoteIdentifier(template)}`, `drop owned by ${name}`]
}

/** Leases by name and comment: role, session, server (empty where it is not said). */
export const listLeasesQuery = `
  select r.rolname as role,
    split_part(substr(d.description, ${commentPrefix.length + 1}), '${serverPrefix}', 1) as session,
    split_part(d.description, '${serverPrefix}', 2) as server
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
