import { CLIError } from '@oclif/core/errors'
import { describe, expect, test } from 'vitest'
import { AppError, type ErrorCode, errorCodes } from '../../src/base/app-error.ts'
import { errorLines, reportOf } from '../../src/cli/error-report.ts'
import { errorCodeMeanings } from '../../src/cli/help/error-codes-table.ts'
import { exitCodeMeanings } from '../../src/cli/help/exit-codes-table.ts'

const everyCode = Object.keys(errorCodes) as ErrorCode[]

describe('an error', () => {
  test('says what, why, how much ran, what next and its code', () => {
    const error = new AppError('POLICY_DENIED', 'Blocked by rule "no-unbounded-writes"\nDELETE has no WHERE clause', {
      hint: 'add a WHERE clause',
      rule: 'no-unbounded-writes',
      audit: 'evt_01',
    })

    expect(errorLines(reportOf(error, 'exec'), 'hoop')).toEqual([
      '✗ hoop: Blocked by rule "no-unbounded-writes". Nothing was run.',
      '  DELETE has no WHERE clause',
      '  Try:  add a WHERE clause',
      '  Ref:  POLICY_DENIED evt_01',
    ])
  })

  test('is one object with all its members for a program', () => {
    const error = new AppError('APPROVAL_REQUIRED', 'Needs approval', {
      request: 'req_1',
      rule: 'r',
      sqlstate: '42501',
    })

    expect(reportOf(error, 'exec')).toEqual({
      code: 'APPROVAL_REQUIRED',
      exit: 7,
      message: 'Needs approval',
      ran: 'nothing',
      retryable: false,
      rule: 'r',
      sqlstate: '42501',
      request: 'req_1',
      next: [],
      audit: null,
    })
  })

  test('takes at most eight lines, whatever a server sends', () => {
    const error = new AppError('SQL_REJECTED', Array(100).fill('x'.repeat(10_000)).join('\n'), {
      hint: Array(100).fill('y').join('\n'),
    })

    const lines = errorLines(reportOf(error, 'exec'), 'database')

    expect(lines.length).toBeLessThanOrEqual(8)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(600)
  })

  test('shows nothing a terminal obeys', () => {
    const error = new AppError('NOT_FOUND', 'No \u001b[2Jthing\u202e', { hint: 'try\u009b31m' })

    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
    expect(errorLines(reportOf(error, 'ls'), 'hoop').join('\n')).not.toMatch(/[\u001b\u009b\u202e]/)
  })

  test('of the argument parser is a usage error without its layout', () => {
    const error = new CLIError('Missing 1 required arg:\nconnection  Name of the connection\nSee more help with --help')

    const report = reportOf(error, 'exec')

    expect(report).toMatchObject({ code: 'USAGE', exit: 2, ran: 'nothing', next: ['hoop exec --help'] })
    expect(report.message).toBe('Cannot read the command: missing 1 required arg: connection: Name of the connection')
  })

  test.each([
    ['a bug', new TypeError('x is undefined')],
    ['a thrown string', 'boom'],
    ['undefined', undefined],
  ])('that nobody classified is UNEXPECTED: %s', (_, thrown) => {
    expect(reportOf(thrown, 'ls')).toMatchObject({ code: 'UNEXPECTED', exit: 1, ran: 'unknown' })
  })
})

test('every code has a meaning and an exit code that has one too', () => {
  const documented = exitCodeMeanings.map(({ exit }) => exit)

  for (const code of everyCode) {
    expect(errorCodeMeanings[code]).toMatch(/^[A-Z].+[^.]$/)
    expect(documented).toContain(errorCodes[code])
  }
})

test('exit codes keep their numbers', () => {
  expect(Object.fromEntries(everyCode.map((code) => [code, errorCodes[code]]))).toMatchSnapshot()
  expect(exitCodeMeanings.map(({ exit, meaning }) => `${exit} ${meaning}`)).toMatchSnapshot()
})
