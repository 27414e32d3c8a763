import { CompactSign, type CryptoKey, compactVerify, importJWK, type JWK } from 'jose'
import type { z } from 'zod'
import { AppError } from '../base/app-error.ts'
import type { Json } from '../base/canonical-json.ts'

/** Kinds of document the server signs. The kind is under the signature, so that none passes for another. */
export type DocumentKind = 'hoop-bundle' | 'hoop-session' | 'hoop-approval'

/** A compact JWS (RFC 7515) with Ed25519 (RFC 8037). */
export function signDocument(payload: Json, kind: DocumentKind, key: { key: CryptoKey; id: string }): Promise<string> {
  return new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
    .setProtectedHeader({ alg: 'EdDSA', typ: kind, kid: key.id })
    .sign(key.key)
}

/**
 * What a document says, once its signature, kind and shape are right.
 * @throws AppError `SERVER_MISTRUSTED`
 */
export async function verifySigned<T>(
  jws: string,
  publicKey: Readonly<Record<string, string>>,
  expected: { readonly kind: DocumentKind; readonly schema: z.ZodType<T> },
): Promise<T> {
  try {
    const key = await importJWK(publicKey as JWK, 'EdDSA')
    const { payload, protectedHeader } = await compactVerify(jws, key, { algorithms: ['EdDSA'] })
    if (protectedHeader.typ !== expected.kind) throw mistrusted(`it is a ${protectedHeader.typ ?? 'nameless'} document`)
    return expected.schema.parse(JSON.parse(new TextDecoder().decode(payload)))
  } catch (error) {
    if (error instanceof AppError) throw error
    throw mistrusted(`it does not verify as a ${expected.kind} document`, error)
  }
}

function mistrusted(why: string, cause?: unknown): AppError {
  return new AppError('SERVER_MISTRUSTED', `Cannot trust what the server signed: ${why}`, {
    cause,
    hint: 'If the server was set up anew, sign in again: hoop login',
    ran: 'nothing',
  })
}
