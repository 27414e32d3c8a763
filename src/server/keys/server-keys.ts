import { randomBytes } from 'node:crypto'
import {
  type CryptoKey,
  calculateJwkThumbprint,
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  type JWTVerifyGetKey,
} from 'jose'
import type { Json } from '../../base/canonical-json.ts'
import { type DocumentKind, signDocument } from '../../policy/signed-document.ts'
import type { Store } from '../store/open-store.ts'
import type { Seal } from './seal.ts'

/** Keys of the server, made once and kept sealed in the store: a restart signs with the same ones. */
export interface ServerKeys {
  /** Public key of signed documents, as clients pin it. */
  readonly publicJwk: Readonly<Record<string, string>>
  sign(payload: Json, kind: DocumentKind): Promise<string>
  /** Private key of the OIDC issuer, as a JWK. */
  readonly issuerJwk: JWK
  /** Finds the key that verifies what the issuer has signed. */
  readonly issuerPublic: JWTVerifyGetKey
  /** Secrets that sign the issuer's cookies. */
  readonly cookieKeys: readonly string[]
}

export async function loadServerKeys(store: Store, seal: Seal): Promise<ServerKeys> {
  const documents = await keep(store, seal, { name: 'documents', make: () => makeJwk('EdDSA') })
  const issuer = await keep(store, seal, { name: 'issuer', make: () => makeJwk('ES256') })
  const issuerJwk = { ...issuer, kid: await calculateJwkThumbprint(issuer), use: 'sig', alg: 'ES256' }
  const { d: _private, ...issuerPublicJwk } = issuerJwk
  const cookies = await keep(store, seal, {
    name: 'cookies',
    make: async () => ({ k: randomBytes(32).toString('base64url') }),
  })
  const key = (await importJWK(documents, 'EdDSA')) as CryptoKey
  const id = await calculateJwkThumbprint(documents)
  const { kty = '', crv = '', x = '' } = documents
  return {
    publicJwk: { kty, crv, x, kid: id },
    sign: (payload, kind) => signDocument(payload, kind, { key, id }),
    issuerJwk,
    issuerPublic: createLocalJWKSet({ keys: [issuerPublicJwk] }),
    cookieKeys: [cookies.k ?? ''],
  }
}

async function makeJwk(algorithm: 'EdDSA' | 'ES256'): Promise<JWK> {
  const pair = await generateKeyPair(algorithm, { extractable: true })
  return exportJWK(pair.privateKey)
}

/** The key of that name; of two servers that make it at once, both use the one that was stored. */
async function keep(store: Store, seal: Seal, key: { name: string; make: () => Promise<JWK> }): Promise<JWK> {
  const find = () => store.db.selectFrom('keys').select('sealed').where('name', '=', key.name).executeTakeFirst()
  const existing = await find()
  if (!existing) {
    const sealed = seal.close(`key:${key.name}`, JSON.stringify(await key.make()))
    await store.db
      .insertInto('keys')
      .values({ name: key.name, sealed })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }
  const row = existing ?? (await find())
  return JSON.parse(seal.open(`key:${key.name}`, row?.sealed ?? '')) as JWK
}
