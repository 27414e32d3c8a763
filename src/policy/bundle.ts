import { z } from 'zod'
import { AppError } from '../base/app-error.ts'
import { type CompiledPolicy, compilePolicy, policyDigest } from './compile.ts'
import { verifySigned } from './signed-document.ts'

/** A published policy folder on its way to the proxies. */
export const bundle = z.strictObject({
  v: z.literal(1),
  tenant: z.string(),
  /** Rises with every publication; a proxy takes none older than it has seen. */
  version: z.int().min(0),
  issuedAtMs: z.int(),
  digest: z.string(),
  files: z.record(z.string(), z.string()),
})

/**
 * Verifies and compiles a bundle.
 * @throws AppError `SERVER_MISTRUSTED` when it is not this tenant's, older than one seen before, or not what it says
 */
export async function openBundle(
  jws: string,
  publicKey: Readonly<Record<string, string>>,
  expected: { readonly tenant: string; readonly atLeastVersion: number },
): Promise<CompiledPolicy> {
  const opened = await verifySigned(jws, publicKey, { kind: 'hoop-bundle', schema: bundle })
  if (opened.tenant !== expected.tenant) throw refuse('it belongs to another tenant')
  if (opened.version < expected.atLeastVersion) throw refuse('it is older than one seen before')
  if (policyDigest(opened.files) !== opened.digest) throw refuse('its digest is not that of its files')
  return compilePolicy(opened.files, opened.version)
}

function refuse(why: string): AppError {
  return new AppError('SERVER_MISTRUSTED', `Cannot use the policy bundle: ${why}`, { ran: 'nothing' })
}
