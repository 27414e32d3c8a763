import type { Lease } from '../api/session.ts'
import type { Entry } from '../audit/entry.ts'
import type { AppError } from '../base/app-error.ts'
import type { Clock, Log, Random } from '../base/ports.ts'
import type { Secret } from '../base/secret.ts'
import type { GuardPorts, GuardSession } from '../engines/postgres/guard/port.ts'
import type { ApproverPorts } from './approver.ts'
import type { ClientConnection } from './client-connection.ts'
import type { Spool } from './spool.ts'

/** What a tunnel gives to each of its connections. */
export interface TunnelWorld extends Pick<GuardPorts, 'analyse' | 'decide' | 'standing' | 'catalog'> {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly user: string
  readonly password: Secret
  /** Names by which clients may ask for the one database there is. */
  readonly databases: readonly string[]
  readonly lease: Lease
  readonly spool: Spool
  readonly approver: ApproverPorts
  readonly guardSession: Omit<GuardSession, 'clientNumber' | 'application'>
  /** Name under which the database shows a connection: the session's, then the client's own. */
  applicationName(client: string): string
  /** Adds an entry to the stream and tells whoever watches. Returns its link's number. */
  record(entry: Entry): number
  cancel(key: Buffer): void
  /** A connection could not be opened. */
  failed(error: AppError): void
  closed(connection: ClientConnection): void
}
