import { createRequire } from 'node:module'
import type * as Cedar from '@cedar-policy/cedar-wasm/nodejs'

type CedarModule = typeof Cedar

let loaded: CedarModule | undefined

/** Cedar's engine (WebAssembly). Loaded at first use: 13 MB that `hoop --version` has no need of. */
export function cedar(): CedarModule {
  loaded ??= createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs') as CedarModule
  return loaded
}
