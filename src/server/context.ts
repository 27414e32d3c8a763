import type { Clock, Log, Random } from '../base/ports.ts'
import type { Person, Role, ServerConfig } from './config.ts'
import type { ConnectionStore } from './connections/connection-store.ts'
import type { Seal } from './keys/seal.ts'
import type { ServerKeys } from './keys/server-keys.ts'
import type { PolicyStore } from './policies/policy-store.ts'
import type { SessionStore } from './sessions/session-store.ts'
import type { Store } from './store/open-store.ts'

/** What the modules of the server share. Built once, at its root. */
export interface ServerContext {
  readonly config: ServerConfig
  /** Address of the server, without a slash at the end. */
  readonly url: string
  readonly version: string
  readonly isDemo: boolean
  readonly store: Store
  readonly seal: Seal
  readonly keys: ServerKeys
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly people: People
  readonly connections: ConnectionStore
  readonly policies: PolicyStore
  readonly sessions: SessionStore
}

/** Who is known, looked up anew for every request: somebody removed is gone with the next one. */
export interface People {
  find(sub: string): Person | undefined
  rolesOf(person: Person): readonly Role[]
}

/** Audience of access tokens for the API. */
export function audienceOf(context: Pick<ServerContext, 'url'>): string {
  return `${context.url}/v1`
}

/** Issuer of the server's own OIDC provider. */
export function issuerOf(context: Pick<ServerContext, 'url'>): string {
  return `${context.url}/oidc`
}

/** Client id of the command. */
export const cliClientId = 'hoop-cli'
