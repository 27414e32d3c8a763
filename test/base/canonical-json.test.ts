import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalJson, type Json } from '../../src/base/canonical-json.ts'

test('keys are sorted by UTF-16 code units at every depth', () => {
  expect(canonicalJson({ b: 1, a: { '\u20ac': 1, '\r': 2, '1': 3 } })).toBe('{"a":{"\\r":2,"1":3,"€":1},"b":1}')
})

test('numbers are written the way ECMAScript does (RFC 8785 §3.2.2.3)', () => {
  expect(canonicalJson([333333333.3333333, 1e30, 4.5, 2e-3, -0])).toBe('[333333333.3333333,1e+30,4.5,0.002,0]')
})

test('an absent member and an undefined one give the same text', () => {
  const value = { a: 1, b: undefined } as unknown as Json

  expect(canonicalJson(value)).toBe('{"a":1}')
})

test.each([[Number.NaN], [Number.POSITIVE_INFINITY], ['\ud800']])('%s has no canonical form', (value) => {
  expect(() => canonicalJson(value)).toThrow(TypeError)
})

test('any JSON survives the round trip, and its text does not depend on the order of its members', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (drawn) => {
      // JSON has no negative zero: both write 0.
      const value = JSON.parse(JSON.stringify(drawn)) as Json
      const text = canonicalJson(value)

      expect(JSON.parse(text)).toEqual(value)
      expect(canonicalJson(reversed(value))).toBe(text)
    }),
  )
})

function reversed(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(reversed)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reversed(member)]),
  )
}
