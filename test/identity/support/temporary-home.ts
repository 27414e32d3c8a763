import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Context } from '../../../src/identity/contexts.ts'
import { type Paths, readPaths } from '../../../src/identity/paths.ts'

/** Folders of a user who has none yet; gone with the test. */
export function temporaryHome(): Paths {
  const home = mkdtempSync(join(tmpdir(), 'hoop-identity-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  return readPaths({ HOOP_CONFIG_DIR: home })
}

/** A context at a server, with an issuer below it. */
export function contextAt(server: string, different: Partial<Context> = {}): Context {
  return {
    server,
    tenant: 'acme',
    issuer: `${server}/oidc`,
    audience: `${server}/v1`,
    clientId: 'hoop-cli',
    signingKey: { kty: 'OKP', crv: 'Ed25519', x: 'first' },
    sub: 'ana',
    email: 'ana@example.com',
    store: 'file',
    bundleVersion: 0,
    ...different,
  }
}
