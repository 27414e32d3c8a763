import type { Entry } from '../../../audit/entry.ts'

/**
 * What the guard wants done. It holds no socket, file or timer: whoever drives it (proxy/session) performs the effects
 * in the order given, one list after another.
 */

/** Which of the two peers. */
export type Side = 'client' | 'server'

/** Number of a record within one guard, rising from 1. 0 stands for "nothing to wait for". */
export type Ticket = number

/** Number of a held statement within one guard, rising from 1. */
export type HoldId = number

/** What an approver is asked about, and what exactly will run: a byte more is another request. */
export interface HoldRequest {
  /** Id of the statement's audit record. */
  readonly event: string
  readonly sql: string
  readonly params: readonly (null | string | { readonly binaryBytes: number })[]
  readonly searchPath: string
  readonly rule: string
  readonly reason: string
  readonly approvers: readonly string[]
  readonly count: number
}

export type GuardEffect =
  /** Write `bytes`, but not before the record `after` is durable. The bytes may be a slice of the chunk just given. */
  | { readonly kind: 'send'; readonly to: Side; readonly bytes: Uint8Array; readonly after: Ticket }
  | { readonly kind: 'record'; readonly ticket: Ticket; readonly entry: Entry }
  /** Ask for an approval; the answers come back through `holdOpened` and `holdSettled`. */
  | { readonly kind: 'hold'; readonly hold: HoldId; readonly request: HoldRequest }
  /** The client took the statement back; tell the server, no answer is expected. */
  | { readonly kind: 'withdraw'; readonly hold: HoldId }
  /** Send a CancelRequest for this connection to the upstream, on a connection of its own. */
  | { readonly kind: 'cancel-upstream' }
  /** Write what is queued, then close both sides. */
  | { readonly kind: 'close'; readonly why: string }

/** How a hold ended. `approved` is said only after the server's signature was checked and the approval was spent. */
export type HoldOutcome =
  | { readonly kind: 'approved'; readonly request: string; readonly approvers: readonly string[] }
  | { readonly kind: 'rejected'; readonly request: string; readonly by: string; readonly reason: string }
  | { readonly kind: 'expired'; readonly request: string }
  /** The request could not be made or followed; the statement is refused. */
  | { readonly kind: 'failed'; readonly message: string }
