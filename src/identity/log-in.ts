import { AppError } from '../base/app-error.ts'
import { type Context, changeConfig, readConfig } from './contexts.ts'
import { openCredentialStore, probeKeychain } from './credential-store.ts'
import type { Paths } from './paths.ts'
import { type SignedIn, type SignInOptions, signIn } from './sign-in.ts'

/** What `hoop login` was asked for. */
export interface LogInOptions extends Omit<SignInOptions, 'pinnedKey'> {
  readonly paths: Paths
  /** Name of the context; by default the host of the server. */
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
  const contextName = options.contextName ?? defaultName(options.server)
  const before = readConfig(paths).contexts[contextName]
  const store = await chooseStore(options, before)
  const signedIn = await signIn({
    ...options,
    pinnedKey: before?.server === trimmed(options.server) ? before.signingKey : undefined,
  })
  const context: Context = {
    server: signedIn.server,
    tenant: signedIn.discovery.tenant,
    issuer: signedIn.discovery.issuer,
    audience: signedIn.discovery.audience,
    clientId: signedIn.discovery.clientId,
    signingKey: signedIn.discovery.signingKey,
    sub: signedIn.me.sub,
    email: signedIn.me.email,
    store,
    bundleVersion: before?.server === signedIn.server ? before.bundleVersion : 0,
  }
  await openCredentialStore(paths, contextName, context).write(signedIn.credential)
  changeConfig(paths, (config) => ({
    current: options.contextName === undefined || config.current === undefined ? contextName : config.current,
    contexts: { ...config.contexts, [contextName]: context },
  }))
  return { ...signedIn, contextName, store }
}

/** Before the browser opens, so that a sign-in is not made and then lost. Never down from a keychain without being told to. */
async function chooseStore(options: LogInOptions, before: Context | undefined): Promise<Context['store']> {
  if (options.store === 'plaintext') return 'file'
  if (await probeKeychain()) return 'keychain'
  if (options.store === 'keychain' || before?.store === 'keychain') {
    throw new AppError('KEYCHAIN_UNAVAILABLE', 'Cannot sign in: the keychain is locked or not there', {
      hint: 'Unlock it, or accept a file that only you can read: hoop login --store plaintext',
    })
  }
  options.onNoKeychain()
  return 'file'
}

function defaultName(server: string): string {
  return URL.canParse(server) ? new URL(server).hostname : server
}

function trimmed(server: string): string {
  return server.replace(/\/$/, '')
}
