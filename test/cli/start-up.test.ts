import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** The best of a few: what else the machine does only ever adds. */
function fastestMs(args: readonly string[]): number {
  const times = Array.from({ length: 7 }, () => {
    const startedMs = performance.now()
    execFileSync(process.execPath, args, { stdio: 'ignore' })
    return performance.now() - startedMs
  })
  return Math.min(...times)
}

test.skipIf(!existsSync(join(root, 'dist/cli/main.js')))('--version takes at most 3.5 times a bare node', () => {
  expect(fastestMs([join(root, 'bin/run.js'), '--version'])).toBeLessThan(3.5 * fastestMs(['-e', '0']))
})
