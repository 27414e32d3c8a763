import * as engine from '@cedar-policy/cedar-wasm/nodejs'

/** Cedar's engine (WebAssembly). Commands that decide nothing do not import the policy folder, and so never load it. */
export function cedar(): typeof engine {
  return engine
}
