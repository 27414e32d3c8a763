/** The world as pure code may see it: each port is given as an argument, the real ones are built only at a root. */

/** Wall clock and stop watch. `nowMs` may jump; `monotonicMs` never goes back and has no meaning outside its process. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  nowMs(): number
  monotonicMs(): number
}

/** Source of unpredictable bytes. */
export interface Random {
  bytes(size: number): Uint8Array
}

/** Structured log. Fields are redacted by the implementation; values that are secret must be `Secret` all the same. */
export interface Log {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}
