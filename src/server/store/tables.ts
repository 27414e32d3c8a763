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
    /** What the connection was when the session was opened: a session of another one is over. */
    connection_digest: string
    /** Claimed by whoever opened it; its own `session.opened` must say the same. */
    host: string
    os_user: string
    program: string
    reason: string
    opened_at_ms: number
    ends_at_ms: number
    seen_at_ms: number
    state: 'live' | 'ended'
    why: string
  }
  /** Roles that may exist at a database: noted before they are made, forgotten once they are gone. */
  readonly leases: {
    role: string
    session: string
    connection: string
    /** The connection as it was, with its secret: the role is dropped where it was made. */
    sealed: string
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
  /** Who may answer a request: a group, an e-mail or a subject. */
  readonly approval_approvers: { approval: string; approver: string }
  /** Where each stream stands. */
  readonly streams: { stream: string; session: string; seq: number; hash: string }
  readonly links: {
    stream: string
    seq: number
    /** As it came; in base 64 where it holds what neither store keeps in a text. */
    body: string
    encoding: 'text' | 'base64'
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
    started: string
    finished: string | null
  }
  readonly record_rules: { record: string; rule: string }
  /** `session.opened` entries, which every record of the stream is shown with. */
  readonly stream_openings: { stream: string; entry: string }
  readonly alerts: { at_ms: number; kind: string; stream: string; detail: string }
  readonly audit_reads: { at_ms: number; sub: string; what: string }
}
