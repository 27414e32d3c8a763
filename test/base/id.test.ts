import fc from 'fast-check'
import { expect, test } from 'vitest'
import { newId, newShortId } from '../../src/base/id.ts'
import type { Clock } from '../../src/base/ports.ts'

const clockAt = (nowMs: number): Clock => ({ nowMs: () => nowMs, monotonicMs: () => 0 })
const randomOf = (fill: number) => ({ bytes: (size: number) => new Uint8Array(size).fill(fill) })

test('a later id sorts after an earlier one, whatever its random part', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 40), fc.integer({ min: 1, max: 2 ** 30 }), (earlier, more) => {
      const first = newId('evt', clockAt(earlier), randomOf(0xff))
      const second = newId('evt', clockAt(earlier + more), randomOf(0))

      expect(first < second).toBe(true)
    }),
  )
})

test('an id is its kind and 26 characters that cannot be mistaken for one another', () => {
  expect(newId('ses', clockAt(1_790_000_000_000), randomOf(7))).toMatch(/^ses_[0-9A-HJKMNP-TV-Z]{26}$/)
})

test('a short id has eight characters', () => {
  expect(newShortId('req', randomOf(0xff))).toBe('req_ZZZZZZZZ')
})
