/** Tables of the server's store. Times are milliseconds since 1970; documents are JSON text; one shape on both dialects. */
export interface Tables {
  /** Keys of the server, sealed under the key file. */
  readonly keys: { name: string; sealed: string }
  /** What oidc-provider keeps: codes, grants, refresh tokens, sessions. Ids are stored hashed, what they stand for sealed. */
  readonly oidc: {
    kind: string
    id: string
    payload: string
    grant_id: string | null
    uid: string | null
    expires_at_ms: number | null
    consumed_at_ms: number | null
  }
  readonly connections: { name: string; input: string; sealed: string }
  readonly policies: { version: number; digest: string; files: string; published_at_ms: number; published_by: string }
  readonly sessions: {
    id: string
    stream: string
    upload_key_hash: string
    sub: string
    email: string
    connection: string
    document: string
    /** Role to drop when the session is over; empty for a fixed credential, and once it is gone. */
    lease_role: string
    program: string
    reason: string
    opened_at_ms: number
    ends_at_ms: number
    seen_at_ms: number
    state: 'live' | 'ended'
    why: string
  }
  readonly approvals: {
    id: string
    session: string
    requester: string
    input: string
    connection: string
    environment: string
    digest: string
    state: 'pending' | 'approved' | 'rejected' | 'withdrawn' | 'expired' | 'spent'
    votes: string
    created_at_ms: number
    expires_at_ms: number
  }
  readonly links: {
    stream: string
    seq: number
    body: string
    prev: string
    hash: string
    received_at_ms: number
    /** Why the entry is not believed; empty when it is. */
    quarantine: string
  }
  /** One row per statement, its two entries joined, for searching. */
  readonly records: {
    id: string
    stream: string
    seq: number
    session: string
    at_ms: number
    received_at_ms: number
    sub: string
    email: string
    connection: string
    verdict: string
    rules: string
    reason: string
    words: string
    started: string
    finished: string | null
  }
  /** `session.opened` entries, which every record of the stream is shown with. */
  readonly stream_openings: { stream: string; entry: string }
  readonly alerts: { at_ms: number; kind: string; stream: string; detail: string }
  readonly audit_reads: { at_ms: number; sub: string; what: string }
}
