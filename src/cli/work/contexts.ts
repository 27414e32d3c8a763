import { AppError } from '../../base/app-error.ts'
import { changeConfig, findContext, readConfig, withoutContext } from '../../identity/contexts.ts'
import { credentialLock, openCredentialStore } from '../../identity/credential-store.ts'
import { withFileLock } from '../../identity/file-lock.ts'
import { readPaths } from '../../identity/paths.ts'
import { closestOf } from '../closest.ts'
import type { Listing } from '../output/listing.ts'

/** A context as lists show it. */
export interface ShownContext {
  readonly name: string
  readonly current: boolean
  readonly server: string
  readonly email: string
  readonly store: string
}

export function listContexts(env: NodeJS.ProcessEnv): Listing<ShownContext> {
  const config = readConfig(readPaths(env))
  const items = Object.entries(config.contexts).map(([name, { server, email, store }]) => ({
    name,
    current: name === config.current,
    server,
    email,
    store,
  }))
  return {
    name: 'contexts',
    items,
    columns: [
      { key: 'name', title: 'NAME', value: ({ name }) => name },
      {
        key: 'current',
        title: 'CURRENT',
        value: ({ current }) => String(current),
        show: ({ current }) => (current ? 'yes' : ''),
      },
      { key: 'server', title: 'SERVER', value: ({ server }) => server },
      { key: 'email', title: 'WHO', value: ({ email }) => email },
      { key: 'store', title: 'STORED IN', value: ({ store }) => store },
    ],
  }
}

/** @throws AppError `USAGE` when there is no such context */
export function chooseContext(env: NodeJS.ProcessEnv, name: string): void {
  const paths = readPaths(env)
  demandKnown(Object.keys(readConfig(paths).contexts), name)
  changeConfig(paths, (config) => ({ ...config, current: name }))
}

/** Forgets it even when its key stays behind in a keychain that is locked, and says so. @throws AppError */
export async function forgetContext(env: NodeJS.ProcessEnv, name: string): Promise<void> {
  const paths = readPaths(env)
  const config = readConfig(paths)
  demandKnown(Object.keys(config.contexts), name)
  const context = findContext(config, name)
  try {
    if (context) {
      const store = openCredentialStore(paths, name, context)
      await withFileLock(credentialLock(paths, name), () => store.remove())
    }
  } finally {
    changeConfig(paths, (now) => withoutContext(now, name))
  }
}

function demandKnown(names: readonly string[], name: string): void {
  if (names.includes(name)) return
  const closest = closestOf(name, names)
  throw new AppError('USAGE', `Cannot find context "${name}"`, {
    hint: closest ? `Did you mean ${closest}?` : 'hoop context ls',
  })
}
