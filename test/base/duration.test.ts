import { expect, test } from 'vitest'
import type { AppError } from '../../src/base/app-error.ts'
import { parseDurationMs } from '../../src/base/duration.ts'

test.each([
  ['500ms', 500],
  ['30s', 30_000],
  ['10m', 600_000],
  ['8h', 28_800_000],
  ['7d', 604_800_000],
])('%s is %i milliseconds', (text, ms) => {
  expect(parseDurationMs(text)).toBe(ms)
})

test.each(['', '10', 'm', '-5s', '1.5h', '5 s', '5w', '9999999999s'])('"%s" is a usage error', (text) => {
  expect(() => parseDurationMs(text)).toThrow(expect.objectContaining<Partial<AppError>>({ code: 'USAGE' }))
})
