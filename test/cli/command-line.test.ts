import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { hoop } from './support/hoop.ts'

test('a command that does not exist gets one suggestion and is not run', async () => {
  const { exit, stdout, stderr } = await hoop(['versoin'])

  expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' })
  expect(stderr).toBe(
    '✗ hoop: Cannot run "versoin": there is no such command. Nothing was run.\n' +
      '  Try:  hoop version --help\n' +
      '  Ref:  USAGE\n',
  )
})

test.each([
  ['an unknown flag', ['version', '--bogus']],
  ['an unknown format', ['version', '-o', 'yaml']],
  ['a format without a value', ['version', '-o']],
])('%s ends with exit 2', async (_, args) => {
  const { exit, stdout, stderr } = await hoop(args)

  expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' })
  expect(stderr).toMatch(/^✗ hoop: Cannot read the command: /)
  expect(stderr.trimEnd().split('\n').at(-1)).toBe('  Ref:  USAGE')
})

test('with -o json a wrong command line is one JSON object on stderr, and stdout is empty', async () => {
  const { exit, stdout, stderr } = await hoop(['version', '--bogus', '-o', 'json'])

  expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' })
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'USAGE', exit: 2, ran: 'nothing' } })
})

test('two formats are one too many', async () => {
  const { exit, stderr } = await hoop(['version', '--json', '-o', 'csv'])

  expect(exit).toBe(2)
  expect(JSON.parse(stderr).error.message).toBe(
    'Cannot read the command: --output=csv cannot also be provided when using --json',
  )
})

test('exit codes and error codes can be read by programs', async () => {
  const exits = await hoop(['help', 'exit-codes', '-o', 'json'])
  const errors = await hoop(['help', 'errors', '-o', 'jsonl'])

  expect(JSON.parse(exits.stdout).exitCodes[0]).toEqual({ exit: 0, meaning: 'done, complete', ran: 'all', retry: '-' })
  expect(
    errors.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).code),
  ).toContain('POLICY_DENIED')
})

test('help needs no configuration and names every topic', async () => {
  for (const topic of ['environment', 'formats']) {
    const { exit, stdout } = await hoop(['help', topic])
    expect({ topic, exit }).toEqual({ topic, exit: 0 })
    expect(stdout).toContain('stdout')
  }
})

test('a reader that goes away ends the command quietly', async () => {
  const dev = join(import.meta.dirname, '../../bin/dev.js')
  const { stdout, stderr } = await promisify(execFile)('sh', [
    '-c',
    `{ "${process.execPath}" "${dev}" help errors -o jsonl; echo "exit $?" >&2; } | true`,
  ])

  expect(stdout).toBe('')
  expect(stderr).toMatch(/^exit (0|141)\n$/)
})

test('the committed manifest is what the commands say', async () => {
  const { stderr } = await promisify(execFile)(process.execPath, [
    join(import.meta.dirname, '../../.ci/manifest.js'),
    '--check',
  ])

  expect(stderr).toBe('')
})
