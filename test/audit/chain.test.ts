import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findBreak, genesis, type Link, nextLink } from '../../src/audit/chain.ts'

function chainOf(bodies: readonly string[]): Link[] {
  const links: Link[] = []
  for (const body of bodies) links.push(nextLink('str_1', links.at(-1) ?? null, body))
  return links
}

test('a chain holds from its first link, and from any link on', () => {
  const links = chainOf(['{"a":1}', '{"b":2}', '{"c":3}'])

  expect(links[0]?.prev).toBe(genesis)
  expect(findBreak('str_1', null, links)).toBeNull()
  expect(findBreak('str_1', links[0] ?? null, links.slice(1))).toBeNull()
})

test('links of one stream do not hold in another', () => {
  expect(findBreak('str_2', null, chainOf(['x']))).toEqual({ seq: 1, why: 'wrong-hash' })
})

test('a changed, dropped, doubled or swapped link is found at its place', () => {
  const bodies = fc.array(fc.string(), { minLength: 2, maxLength: 8 })
  fc.assert(
    fc.property(bodies, fc.nat(), fc.constantFrom('change', 'drop', 'double', 'swap'), (texts, drawn, how) => {
      const links = chainOf(texts)
      const at = drawn % (links.length - 1)
      const damaged = damage(links, at, how)

      expect(findBreak('str_1', null, damaged)?.seq).toBe(damaged[how === 'double' ? at + 1 : at]?.seq)
    }),
  )
})

function damage(links: readonly Link[], at: number, how: string): Link[] {
  const copy = [...links]
  const [here, after] = [copy[at], copy[at + 1]]
  if (!here || !after) return copy
  if (how === 'change') copy[at] = { ...here, body: `${here.body}!` }
  if (how === 'drop') copy.splice(at, 1)
  if (how === 'double') copy.splice(at, 0, here)
  if (how === 'swap') copy.splice(at, 2, after, here)
  return copy
}
