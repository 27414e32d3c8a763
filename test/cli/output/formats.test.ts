import { describe, expect, test } from 'vitest'
import { displayWidth } from '../../../src/cli/output/display-width.ts'
import { type Listing, listingLines } from '../../../src/cli/output/listing.ts'
import { type ResultSet, resultLines } from '../../../src/cli/output/result-set.ts'

const notes = { rowCount: 1, truncated: false, masked: [], audit: 'evt_1' }
const piped = { isTty: false } as const
const shown = { isTty: true } as const

function one(value: string | null, type = 'text'): ResultSet {
  return { columns: [{ name: 'v', type }], rows: [[value]] }
}

describe('a table', () => {
  test('lines numbers up at their right and text at its left', () => {
    const result: ResultSet = {
      columns: [
        { name: 'id', type: 'int8' },
        { name: 'email', type: 'text' },
      ],
      rows: [
        ['7', 'a***@x.io'],
        ['1000', null],
      ],
    }

    expect(resultLines(result, notes, { format: 'table', ...shown })).toEqual([
      '   id  email',
      '    7  a***@x.io',
      ' 1000  NULL',
    ])
  })

  test.each([
    ['an escape sequence', '\u001b]0;owned\u0007\u001b[2J', '�]0;owned��[2J'],
    ['a right-to-left override', 'abc\u202etxt.exe', 'abc�txt.exe'],
    ['line breaks', 'one\r\ntwo\nthree', 'one⏎two⏎three'],
    ['a C1 control', 'x\u009b31m', 'x�31m'],
    ['a tab', 'a\tb', 'a b'],
  ])('keeps %s in its cell, on a terminal or not', (_, hostile, safe) => {
    for (const where of [shown, piped]) {
      expect(resultLines(one(hostile), notes, { format: 'table', ...where })[1]).toBe(` ${safe}`)
    }
  })

  test('makes a hostile column name as harmless as a value', () => {
    const result: ResultSet = { columns: [{ name: 'a\u001b[2J\nb', type: 'text' }], rows: [] }

    expect(resultLines(result, notes, { format: 'table', ...shown })).toEqual([' a�[2J⏎b'])
  })

  test('gives wide characters the two cells they take', () => {
    expect(displayWidth('東京')).toBe(4)
    expect(displayWidth('e\u0301')).toBe(1)
  })

  test('cuts a value that is longer than a screen is wide', () => {
    const [, row = ''] = resultLines(one('x'.repeat(1_000_000)), notes, { format: 'table', ...shown })

    expect(displayWidth(row)).toBe(81)
    expect(row.endsWith('…')).toBe(true)
  })
})

describe('json', () => {
  test('has columns, rows and what is known of them', () => {
    const result: ResultSet = {
      columns: [
        { name: 'id', type: 'int8' },
        { name: 'total', type: 'numeric' },
        { name: 'n', type: 'int4' },
        { name: 'ok', type: 'bool' },
      ],
      rows: [['9007199254740993', '42.10', '3', 't']],
    }

    const [line = ''] = resultLines(result, notes, { format: 'json', ...piped })

    expect(line).toBe(
      '{"columns":[{"name":"id","type":"int8"},{"name":"total","type":"numeric"},{"name":"n","type":"int4"},' +
        '{"name":"ok","type":"bool"}],"rows":[["9007199254740993","42.10",3,true]],' +
        '"rowCount":1,"truncated":false,"masked":[],"audit":"evt_1"}',
    )
  })

  test.each([
    ['NaN', 'float8', '"NaN"'],
    ['1e-05', 'float8', '1e-05'],
    ['007', 'text', '"007"'],
    [null, 'int4', 'null'],
    ['{"a": 12345678901234567890}', 'jsonb', '{"a": 12345678901234567890}'],
    ['{\n"a": 1}', 'json', '{ "a": 1}'],
    ['***', 'jsonb', '"***"'],
    ['x', 'bool', '"x"'],
  ])('writes %s of type %s as %s', (value, type, written) => {
    const [line = ''] = resultLines(one(value, type), notes, { format: 'jsonl', ...piped })

    expect(line).toBe(`{"v":${written}}`)
    expect(() => JSON.parse(line)).not.toThrow()
  })

  test('carries hostile text whole, and shows a terminal nothing it obeys', () => {
    const hostile = '\u001b[2J\u009b31m\u202e\u2028\ud800'

    const [line = ''] = resultLines(one(hostile), notes, { format: 'jsonl', ...piped })

    expect(JSON.parse(line)).toEqual({ v: hostile })
    expect(line).toMatch(/^[\x20-\x7e]+$/)
  })

  test('loses no column when two have the same name', () => {
    const result: ResultSet = {
      columns: ['id', 'id', 'id_2'].map((name) => ({ name, type: 'int4' })),
      rows: [['1', '2', '3']],
    }

    expect(resultLines(result, notes, { format: 'jsonl', ...piped })).toEqual(['{"id":1,"id_2":2,"id_2_2":3}'])
  })
})

describe('csv, tsv and raw', () => {
  test.each([
    ['csv', null, ''],
    ['csv', '', '""'],
    ['csv', 'a"b,c\nd', '"a""b,c\nd"'],
    ['tsv', null, '\\N'],
    ['tsv', '\\N', '\\\\N'],
    ['tsv', 'a\tb\nc\r', 'a\\tb\\nc\\r'],
    ['raw', 'a\tb\u001b', 'a\tb\u001b'],
    ['csv', '\u001b[1m', '\u001b[1m'],
  ] as const)('%s writes %j as %j into a pipe', (format, value, written) => {
    expect(resultLines(one(value), notes, { format, ...piped }).at(-1)).toBe(written)
  })

  test.each(['csv', 'tsv', 'raw'] as const)('%s shows a terminal no control character', (format) => {
    const lines = resultLines(one('\u001b[2J\u202e'), notes, { format, ...shown })

    expect(lines.at(-1)).toBe('�[2J�')
  })

  test('raw has no heading', () => {
    expect(resultLines(one('x'), notes, { format: 'raw', ...piped })).toEqual(['x'])
  })
})

describe('a listing', () => {
  const listing: Listing<{ readonly id: string; readonly at: number }> = {
    name: 'things',
    items: [{ id: 'a', at: 0 }],
    columns: [
      { key: 'id', title: 'ID', value: ({ id }) => id },
      {
        key: 'at',
        title: 'WHEN',
        value: ({ at }) => new Date(at).toISOString(),
        show: () => 'long ago',
      },
    ],
  }

  test('gives people words and programs values', () => {
    expect(listingLines(listing, 'table', true)).toEqual([' ID  WHEN', ' a   long ago'])
    expect(listingLines(listing, 'csv', false)).toEqual(['id,at', 'a,1970-01-01T00:00:00.000Z'])
    expect(listingLines(listing, 'json', false)).toEqual(['{"things":[{"id":"a","at":0}]}'])
    expect(listingLines(listing, 'jsonl', false)).toEqual(['{"id":"a","at":0}'])
  })

  test('that is empty still has its heading, and in JSON its list', () => {
    const empty = { ...listing, items: [] }

    expect(listingLines(empty, 'tsv', false)).toEqual(['id\tat'])
    expect(listingLines(empty, 'json', false)).toEqual(['{"things":[]}'])
    expect(listingLines(empty, 'jsonl', false)).toEqual([])
  })
})
