/** Who asks. A person, or something that acts for one. */
export interface Principal {
  readonly kind: 'user' | 'service-account' | 'agent'
  /** Subject at the hoop server, stable for life. */
  readonly sub: string
  readonly email: string
  readonly groups: readonly string[]
}

/** What is asked about: one database behind the server, and the environment it belongs to. */
export interface ConnectionEntity {
  readonly name: string
  readonly environment: string
  readonly database: string
  /** What to do with a classified column used other than as a plain output. `rewrite` comes with source rewriting. */
  readonly onMaskedUse: 'refuse'
}

/** What a rule may look at besides who and what. */
export interface RequestContext {
  readonly reason: string
  readonly ticket: string
  /** Rights given for a time, as in `reveal:pii`. */
  readonly grants: readonly string[]
}
