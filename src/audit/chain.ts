import { createHash } from 'node:crypto'

/**
 * The hash chain of one stream. Each link covers the exact text of its entry and the link before it, so that no entry
 * can be changed, dropped, added or moved without every later hash changing. The text is hashed as it was written:
 * whoever checks it never has to write JSON the way somebody else does.
 */

/** One entry in its place: `seq` counts from 1, `prev` is the hash before (`genesis` for the first). */
export interface Link {
  readonly seq: number
  /** The entry as JSON text, byte for byte what was hashed. */
  readonly body: string
  readonly prev: string
  readonly hash: string
}

/** `prev` of a stream's first link. */
export const genesis = '0'.repeat(64)

/** SHA-256, in hex, of one link's place and text. */
export function linkHash(stream: string, seq: number, prev: string, body: string): string {
  return createHash('sha256').update(`hoop-link-v1\n${stream}\n${seq}\n${prev}\n`).update(body).digest('hex')
}

/** The link that follows `last` (null: the stream's first). */
export function nextLink(stream: string, last: Pick<Link, 'seq' | 'hash'> | null, body: string): Link {
  const seq = (last?.seq ?? 0) + 1
  const prev = last?.hash ?? genesis
  return { seq, body, prev, hash: linkHash(stream, seq, prev, body) }
}

/** Where a chain stops holding. */
export interface ChainBreak {
  readonly seq: number
  readonly why: 'out-of-order' | 'wrong-prev' | 'wrong-hash'
}

/** The first link that does not follow from the one before it; null when the whole run holds. */
export function findBreak(
  stream: string,
  last: Pick<Link, 'seq' | 'hash'> | null,
  links: readonly Link[],
): ChainBreak | null {
  let before = last ?? { seq: 0, hash: genesis }
  for (const link of links) {
    if (link.seq !== before.seq + 1) return { seq: link.seq, why: 'out-of-order' }
    if (link.prev !== before.hash) return { seq: link.seq, why: 'wrong-prev' }
    if (link.hash !== linkHash(stream, link.seq, link.prev, link.body)) return { seq: link.seq, why: 'wrong-hash' }
    before = link
  }
  return null
}
