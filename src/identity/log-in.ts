import { AppError } from '../base/app-error.ts'
import { type ConfigFile, type Context, changeConfig, demandContextName, findContext, readConfig } from './contexts.ts'
import { credentialLock, openCredentialStore } from './credential-store.ts'
import { withFileLock } from './file-lock.ts'
import { serverAddress } from './http-send.ts'
import { probeKeychain } from './keychain.ts'
import type { Paths } from './paths.ts'
import type { Pinned } from './pinned.ts'
import { type SignedIn, type SignInOptions, signIn } from './sign-in.ts'

/** What `hoop login` was asked for. */
export interface LogInOptions extends Omit<SignInOptions, 'pinned'> {
  readonly paths: Paths
  /** Name of the context; by default the one of that server, else the host of the server. */
  readonly contextName?: string | undefined
  /** `auto`: the keychain where it works, else the file, which is said. */
  readonly store: 'auto' | 'keychain' | 'plaintext'
  /** Told before the browser opens when there is no usable keychain. */
  readonly onNoKeychain: () => void
}

export interface LoggedIn extends SignedIn {
  readonly contextName: string
  readonly store: Context['store']
}

/** Signs in and keeps the result as a context. Nothing is changed when it does not succeed. */
export async function logIn(options: LogInOptions): Promise<LoggedIn> {
  const { paths } = options
  const server = serverAddress(options.server)
  const config = readConfig(paths)
  const contextName = demandContextName(options.contextName ?? usualName(config, server))
  const before = findContext(config, contextName)
  const store = await chooseStore(options, before)
  // Now, not after somebody has signed in for nothing.
  const lock = credentialLock(paths, contextName)
  const signedIn = await signIn({ ...options, server, pinned: pinnedOf(config, contextName, server) })
  await withFileLock(lock, async () => {
    const context = contextOf(signedIn, store, before)
    await openCredentialStore(paths, contextName, context).write(signedIn.credential)
    changeConfig(paths, ({ current, contexts }) => ({
      current: options.contextName === undefined || current === undefined ? contextName : current,
      contexts: { ...contexts, [contextName]: context },
    }))
  })
  return { ...signedIn, contextName, store }
}

function contextOf({ server, discovery, me }: SignedIn, store: Context['store'], before: Context | undefined): Context {
  const { tenant, issuer, audience, clientId, signingKey } = discovery
  const { sub, email } = me
  const bundleVersion = before?.server === server ? before.bundleVersion : 0
  return { server, tenant, issuer, audience, clientId, signingKey, sub, email, store, bundleVersion }
}

/** Before the browser opens, so that a sign-in is not made and then lost. Never down from a keychain without being told to. */
async function chooseStore(options: LogInOptions, before: Context | undefined): Promise<Context['store']> {
  if (options.store === 'plaintext') return 'file'
  const problem = await probeKeychain()
  if (problem === null) return 'keychain'
  if (options.store === 'keychain' || before?.store === 'keychain') throw problem
  options.onNoKeychain()
  return 'file'
}

/** What is known of a server counts whichever context has seen it. */
function pinnedOf(config: ConfigFile, contextName: string, server: string): Pinned | undefined {
  const known = Object.entries(config.contexts).filter(([, context]) => context.server === server)
  const [name, context] = known.find(([name]) => name === contextName) ?? known[0] ?? []
  return name === undefined || context === undefined ? undefined : { ...context, contextName: name }
}

/** The host, with the port where another server of that host has the name already. */
function usualName(config: ConfigFile, server: string): string {
  const { hostname, port, protocol } = new URL(server)
  const host = hostname.replace(/[^A-Za-z0-9.-]+/g, '-').replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '')
  const usual = host.slice(0, 50)
  const taken = findContext(config, usual)
  return !taken || taken.server === server ? usual : `${usual}-${port || protocol.slice(0, -1)}`
}

/** The server of a context that was named, or is the current one. @throws AppError `USAGE` */
export function knownServer(paths: Paths, contextName: string | undefined, env: NodeJS.ProcessEnv): string {
  const config = readConfig(paths)
  const name = contextName ?? (env['HOOP_CONTEXT'] || config.current)
  const known = name === undefined ? undefined : findContext(config, name)
  if (known) return known.server
  throw new AppError('USAGE', 'Cannot sign in: no server was named', { hint: 'hoop login https://your-hoop-server' })
}
