import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cellMask } from '../../src/masking/cell-mask.ts'
import { planResult } from '../../src/masking/result-plan.ts'
import { textTransforms } from '../../src/masking/text-transforms.ts'
import { transformNames } from '../../src/policy/decision.ts'

const text = { typeOid: 25, typmod: -1, format: 0 } as const
const shown = (masked: Uint8Array | null): string | null =>
  masked === null ? null : Buffer.from(masked).toString('utf8')

describe('text', () => {
  test.each([
    ['redact', 'anything', '•••'],
    ['partial', 'Rosa Field', 'R••• F•••'],
    ['partial', 'Bo', '•••'],
    ['partial', 'Anna of the Green Gables', '•••'],
    ['keep-domain', 'rosa@example.org', 'r•••@example.org'],
    ['keep-domain', 'me@example.org', '•••'],
    ['keep-domain', 'not an address', '•••'],
    ['last4', '4242 4242 4242 4242', '•••4242'],
    ['last4', '12345', '•••'],
    ['partial', '👩‍👩‍👧‍👦bcd', '👩‍👩‍👧‍👦•••'],
  ] as const)('%s of "%s" is "%s"', (transform, value, masked) => {
    expect(shown(cellMask(transform, text)(Buffer.from(value)))).toBe(masked)
  })

  test('no mask of text ever contains a value of three characters or more', () => {
    const names = Object.keys(textTransforms) as (keyof typeof textTransforms)[]
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 3 }).filter((value) => value.trim().length >= 3),
        fc.constantFrom(...names),
        (value, name) => {
          expect(textTransforms[name](value)).not.toContain(value.trim())
        },
      ),
      { numRuns: 2_000 },
    )
  })

  test('masks of one kind tell nothing of the length', () => {
    const lengths = ['abc', 'abcdefgh', 'a'.repeat(500)].map((value) => textTransforms.partial(value).length)

    expect(new Set(lengths).size).toBe(1)
  })

  test('a mask fits where the value did', () => {
    expect(shown(cellMask('redact', { typeOid: 1043, typmod: 6, format: 0 })(Buffer.from('ab')))).toBe('••')
  })
})

describe('types', () => {
  test.each([16, 20, 23, 114, 600, 700, 1700, 2950, 3802, 869, 1009, 99_999])(
    'of a type without an encoder (%i) every mask but a fitting one gives NULL',
    (typeOid) => {
      for (const transform of transformNames) {
        for (const format of [0, 1] as const) {
          expect(cellMask(transform, { typeOid, typmod: -1, format })(Buffer.from('12345678901234567890'))).toBeNull()
        }
      }
    },
  )

  test('year keeps the year, in text and in binary', () => {
    const days = Buffer.alloc(4)
    days.writeInt32BE(9_000)
    const micros = Buffer.alloc(8)
    micros.writeBigInt64BE(777_777_777_777_777n)
    const date = cellMask('year', { typeOid: 1082, typmod: -1, format: 1 })(days)
    const stamp = cellMask('year', { typeOid: 1114, typmod: -1, format: 1 })(micros)

    expect(shown(cellMask('year', { typeOid: 1082, typmod: -1, format: 0 })(Buffer.from('1962-04-28')))).toBe(
      '1962-01-01',
    )
    expect(Buffer.from(date ?? []).readInt32BE()).toBe(8_766)
    expect(Buffer.from(stamp ?? []).readBigInt64BE()).toBe(757_382_400_000_000n)
  })

  test.each(['infinity', '0044-03-15 BC', '28/04/1962'])(
    'a date written as %s gives NULL or a year, never the day',
    (value) => {
      const masked = shown(cellMask('year', { typeOid: 1082, typmod: -1, format: 0 })(Buffer.from(value)))

      expect(masked === null || /^\d{4}-01-01$/.test(masked)).toBe(true)
    },
  )
})

describe('the three opinions about a result', () => {
  const source = { schema: 'public', table: 't', column: 'email', kin: [], relationId: 7, attribute: 2 }
  const field = { name: 'email', tableOid: 7, attribute: 2, typeOid: 25, typmod: -1, format: 0 } as const
  const output = { name: 'email', label: { kind: 'copy', source }, origin: { relationId: 7, attribute: 2 } } as const
  const rule = { kind: 'mask', column: source, tags: ['pii'], transform: 'redact' } as const
  const relations = [{ kind: 'relation', schema: 'public', name: 't', id: 7, columns: ['email'] }] as const

  test('agree: the plan masks', () => {
    expect(planResult({ facts: { outputs: [output], relations }, rules: [rule], fields: [field] }).kind).toBe('mask')
  })

  test('nothing to mask: rows pass as they are', () => {
    expect(planResult({ facts: { outputs: [output], relations }, rules: [{ kind: 'pass' }], fields: [field] })).toEqual(
      { kind: 'pass' },
    )
  })

  test.each([
    [
      'another origin',
      { facts: { outputs: [output], relations }, rules: [rule], fields: [{ ...field, attribute: 3 }] },
    ],
    [
      'an origin where none was expected',
      { facts: { outputs: [{ ...output, origin: null }], relations }, rules: [rule], fields: [field] },
    ],
    [
      'none where one was expected',
      { facts: { outputs: [output], relations }, rules: [rule], fields: [{ ...field, tableOid: 0, attribute: 0 }] },
    ],
    ['another number of columns', { facts: { outputs: [output], relations }, rules: [rule], fields: [field, field] }],
    ['rows where none were expected', { facts: { outputs: null, relations }, rules: null, fields: [field] }],
    [
      'a column of a relation nobody named',
      { facts: { outputs: 'unproven', relations }, rules: 'pass', fields: [{ ...field, tableOid: 8 }] },
    ],
  ] as const)('disagree by %s: nothing is released', (_what, input) => {
    expect(planResult(input).kind).toBe('mismatch')
  })
})
