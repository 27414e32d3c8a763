import type { Clock, Random } from '../../../base/ports.ts'
import type { Decision } from '../../../policy/decision.ts'
import type { Analysis, Facts } from '../../engine.ts'
import type { CatalogSnapshot } from '../catalog/snapshot.ts'
import type { GuardEffect, HoldId, HoldOutcome } from './effect.ts'

/** Bytes in, effects out: one client connection and its one upstream connection, after both have been authenticated. */
export interface Guard {
  /** First call: reads the catalog if it must, then tells the client that the session is ready. */
  open(): readonly GuardEffect[]
  fromClient(chunk: Buffer): readonly GuardEffect[]
  fromServer(chunk: Buffer): readonly GuardEffect[]
  /** The request exists: the client is told its id and where to approve it. */
  holdOpened(
    hold: HoldId,
    request: { readonly id: string; readonly url: string; readonly approveWith: string },
  ): readonly GuardEffect[]
  holdSettled(hold: HoldId, outcome: HoldOutcome): readonly GuardEffect[]
  /** A CancelRequest with this connection's key came in: ends a hold, else goes on to the upstream. */
  cancel(): readonly GuardEffect[]
  /** Ends the session for a reason of ours: FATAL 57P01 with the message, then close. */
  end(message: string): readonly GuardEffect[]
  /** A record could not be made durable: everything waiting for it is refused (SQLSTATE 58030), nothing is released. */
  recordingFailed(message: string): readonly GuardEffect[]
  /** One of the sockets is gone. Statements under way are recorded as lost. */
  peerGone(side: 'client' | 'server'): readonly GuardEffect[]
}

/** Who and where, as every record of the session repeats it. */
export interface GuardSession {
  readonly session: string
  readonly actor: { readonly kind: 'user' | 'service-account' | 'agent'; readonly sub: string; readonly email: string }
  readonly connection: string
  readonly reason: string
  readonly ticket: string
  readonly clientNumber: number
  readonly application: string
}

/** Whether statements may run at this moment, whatever they are. */
export type Standing =
  | { readonly kind: 'live' }
  /** New statements are refused with this reason and next step; those under way end by themselves. */
  | { readonly kind: 'paused'; readonly reason: string; readonly hint: string }

/** What the guard is given. Functions are asked anew for every statement, so a new bundle or an expiry bites at once. */
export interface GuardPorts {
  readonly clock: Clock
  readonly random: Random
  readonly session: GuardSession
  /** Reads a statement text against a snapshot (engines/postgres/sql), cached by its owner. */
  readonly analyse: (sql: string, catalog: CatalogSnapshot) => Analysis
  /** Decides about one statement (policy), cached by its owner. `approved`: the review it wanted has been given. */
  readonly decide: (facts: Facts, approved: boolean) => Decision
  readonly standing: () => Standing
  /** The newest snapshot any connection of this session has read; the guard reads one itself when it is null. */
  readonly catalog: CatalogCell
}

/** A snapshot shared by the connections of one session: same database, same role. */
export interface CatalogCell {
  /** Null: none has been read since the catalog was last changed through us, so nothing can be judged. */
  current(): CatalogSnapshot | null
  /** Others may have changed the catalog since it was read: read it again where that is possible. */
  isAged(): boolean
  store(snapshot: CatalogSnapshot): void
  /** Something changed the catalog: whoever needs it next reads it again. */
  expire(): void
}
