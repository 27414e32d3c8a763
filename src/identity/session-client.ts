import { type ApiClient, createApiClient } from '../api/client.ts'
import { type Context, pickContext, readConfig } from './contexts.ts'
import { type CredentialStore, openCredentialStore } from './credential-store.ts'
import { httpSend } from './http-send.ts'
import { type Paths, readPaths } from './paths.ts'
import { systemClock } from './system-clock.ts'
import { createTokenSource, type TokenSource } from './token-source.ts'

/** A context made ready to talk to its server. */
export interface OpenContext {
  readonly name: string
  readonly context: Context
  /** What picked it: a flag, the environment, or the config file. */
  readonly source: string
  readonly paths: Paths
  readonly api: ApiClient
  readonly tokens: TokenSource
  readonly credentials: CredentialStore
}

/** @throws AppError `LOGIN_REQUIRED` when there is no such context, `CONFIG_INVALID` when the file is wrong */
export function openContext(asked: string | undefined, env: NodeJS.ProcessEnv = process.env): OpenContext {
  const paths = readPaths(env)
  const { name, context, source } = pickContext(readConfig(paths), asked, env)
  const credentials = openCredentialStore(paths, name, context)
  const tokens = createTokenSource({ paths, name, context, store: credentials, clock: systemClock })
  const api = createApiClient(context.server, httpSend, tokens.authorize)
  return { name, context, source, paths, api, tokens, credentials }
}
