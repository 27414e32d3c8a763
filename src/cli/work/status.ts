import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { getDiscovery } from '../../api/server.ts'
import { AppError } from '../../base/app-error.ts'
import type { Credential } from '../../identity/credential.ts'
import type { OpenContext } from '../../identity/session-client.ts'
import { spoolFile } from '../../proxy/spool.ts'

/** What somebody wants to know before asking for help. */
export interface StatusReport {
  readonly context: string
  readonly source: string
  readonly server: string
  /** `reachable`, or why not. */
  readonly reachable: string
  readonly signedInAs: string
  readonly signedInUntil: string
  readonly credentialStore: string
  /** Streams on this machine that have not arrived at their server as a whole, live sessions included. */
  readonly spools: number
}

export async function describeStatus({
  name,
  context,
  source,
  paths,
  api,
  credentials,
}: OpenContext): Promise<StatusReport> {
  const { credential, problem } = await readCredential(credentials)
  const spools = join(paths.state, 'spool')
  return {
    context: name,
    source,
    server: context.server,
    reachable: await api.call(getDiscovery).then(
      () => 'reachable',
      (error: unknown) => (error instanceof AppError ? error.message : 'it does not answer as it should'),
    ),
    signedInAs: credential ? context.email : problem === null ? 'nobody' : 'unknown',
    signedInUntil: credential ? new Date(credential.endsAtMs).toISOString() : '',
    credentialStore: [
      context.store === 'keychain' ? 'keychain' : 'file (plain text, only you can read it)',
      ...(problem === null ? [] : [problem]),
    ].join('. '),
    spools: existsSync(spools) ? readdirSync(spools).filter((file) => spoolFile.test(file)).length : 0,
  }
}

/** Why a credential cannot be read is part of the answer here, not the end of it. */
async function readCredential(
  store: OpenContext['credentials'],
): Promise<{ readonly credential: Credential | undefined; readonly problem: string | null }> {
  try {
    return { credential: await store.read(), problem: null }
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return { credential: undefined, problem: error.message }
  }
}
