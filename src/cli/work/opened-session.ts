import type { Duplex } from 'node:stream'
import type { Entry } from '../../audit/entry.ts'
import type { AppError } from '../../base/app-error.ts'
import type { Secret } from '../../base/secret.ts'

/** A session whose guard runs in this process, as connect, psql and exec see it. */
export interface OpenedSession {
  readonly id: string
  readonly connection: string
  readonly environment: string
  readonly database: string
  /** Name and password of the local port; they die with the session. */
  readonly user: string
  readonly password: Secret
  /** Role at the database. */
  readonly role: string
  readonly endsAtMs: number
  /** Takes the far end of a connection, as the local port does for a socket. */
  attach(connection: Duplex): void
  /** Told of every entry when it is recorded. */
  onEntry(listener: (entry: Entry) => void): void
  /** Why the last connection could not be opened; null when all could. */
  readonly lastFailure: AppError | null
  /** Ends it: clients are told, the last records uploaded as far as the server can be reached. */
  close(): Promise<void>
}
