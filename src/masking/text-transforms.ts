import type { TransformName } from '../policy/decision.ts'

/**
 * Masks of text. None tells the length of the value, and none shows more than half of it: where little would be hidden,
 * everything is. Characters are what a reader takes for one (grapheme clusters).
 */
export const textTransforms: Readonly<Record<Exclude<TransformName, 'null' | 'year'>, (value: string) => string>> = {
  redact: () => hidden,
  partial,
  'keep-domain': keepDomain,
  last4,
}

const hidden = '•••'
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** The first character of every word, up to three words: `Rosa Field` → `R••• F•••`. */
function partial(value: string): string {
  const words = value.trim().split(/\s+/).slice(0, 3)
  if (words.some((word) => charactersOf(word).length < 3)) return hidden
  return words.map((word) => `${charactersOf(word)[0]}${hidden}`).join(' ')
}

/** The domain of an e-mail address and the first character before it: `rosa@example.org` → `r•••@example.org`. */
function keepDomain(value: string): string {
  const match = /^([^@\s]+)@([A-Za-z0-9.-]+)$/.exec(value)
  const [first] = charactersOf(match?.[1] ?? '')
  if (!match || !first || charactersOf(match[1] ?? '').length < 3) return hidden
  return `${first}${hidden}@${match[2]}`
}

/** The last four digits or letters, where there are at least twelve: `4242424242424242` → `•••4242`. */
function last4(value: string): string {
  const plain = value.replace(/[^\p{L}\p{N}]/gu, '')
  const characters = charactersOf(plain)
  return characters.length < 12 ? hidden : `${hidden}${characters.slice(-4).join('')}`
}

function charactersOf(text: string): string[] {
  return Array.from(graphemes.segment(text), ({ segment }) => segment)
}
