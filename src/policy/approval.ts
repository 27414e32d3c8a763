import { createHash } from 'node:crypto'
import { canonicalJson, type Json } from '../base/canonical-json.ts'

/** Everything an approval is bound to: change one byte and it is another request. */
export interface ApprovalSubject {
  readonly tenant: string
  readonly session: string
  readonly requester: string
  readonly connection: string
  readonly database: string
  readonly role: string
  readonly searchPath: string
  readonly sql: string
  readonly params: readonly (null | string | { readonly binaryBytes: number })[]
}

/** SHA-256, in hex, of the subject's canonical JSON. Server and proxy compute it each for itself. */
export function approvalDigest(subject: ApprovalSubject): string {
  return createHash('sha256')
    .update(canonicalJson(subject as unknown as Json))
    .digest('hex')
}
