import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { withFileLock, withFileLockHeld } from '../../src/identity/file-lock.ts'
import { temporaryHome } from './support/temporary-home.ts'

const source = join(import.meta.dirname, '../../src/identity/file-lock.ts')

/** Another process that runs `body` with the two functions of the lock at hand. */
function run(body: string): ChildProcess {
  const script = `import { withFileLock, withFileLockHeld } from ${JSON.stringify(source)}\nimport * as fs from 'node:fs'\n${body}`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

function said(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => child.stdout?.once('data', (chunk) => resolve(String(chunk).trim())))
}

function ended(child: ChildProcess): Promise<number | null> {
  // It may have ended before anybody asked.
  if (child.exitCode !== null) return Promise.resolve(child.exitCode)
  return new Promise((resolve) => child.once('exit', resolve))
}

test('work under a lock is not interleaved, among processes and in one', { timeout: 60_000 }, async () => {
  const { config } = temporaryHome()
  const [lock, counter] = [join(config, 'lock'), join(config, 'counter')]
  writeFileSync(counter, '0')
  const count = `fs.writeFileSync(${JSON.stringify(counter)}, String(Number(fs.readFileSync(${JSON.stringify(counter)}, 'utf8')) + 1))`
  const slow = `for (let n = 0; n < 25; n++) await withFileLock(${JSON.stringify(lock)}, async () => { const seen = Number(fs.readFileSync(${JSON.stringify(counter)}, 'utf8')); await new Promise((r) => setTimeout(r, 1)); fs.writeFileSync(${JSON.stringify(counter)}, String(seen + 1)) })`
  const held = `for (let n = 0; n < 25; n++) withFileLockHeld(${JSON.stringify(lock)}, () => ${count})`
  const children = [slow, held, slow, held].map(run)
  const here = Array.from({ length: 25 }, () =>
    withFileLock(lock, async () => {
      const seen = Number(readFileSync(counter, 'utf8'))
      await new Promise((resolve) => setTimeout(resolve, 1))
      writeFileSync(counter, String(seen + 1))
    }),
  )
  await Promise.all(here)

  expect(await Promise.all(children.map(ended))).toEqual([0, 0, 0, 0])
  expect(readFileSync(counter, 'utf8')).toBe('125')
})

test('who waits in the same process does not end the lock for others', async () => {
  const lock = join(temporaryHome().config, 'lock')
  let [release, isTaken] = [(): void => undefined, false]
  const holding = withFileLock(
    lock,
    () =>
      new Promise<void>((resolve) => {
        release = resolve
      }),
  )
  const waiting = withFileLock(lock, async () => undefined)
  await new Promise((resolve) => setTimeout(resolve, 100))
  const other = run(`await withFileLock(${JSON.stringify(lock)}, async () => console.log('taken'))`)
  void said(other).then(() => {
    isTaken = true
  })
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  expect(isTaken).toBe(false)
  release()
  await Promise.all([holding, waiting])

  expect(await ended(other)).toBe(0)
})

test('a holder that is killed holds nothing any more', async () => {
  const lock = join(temporaryHome().config, 'lock')
  const holder = run(
    `setInterval(() => {}, 1000); await withFileLock(${JSON.stringify(lock)}, () => { console.log('held'); return new Promise(() => {}) })`,
  )
  expect(await said(holder)).toBe('held')
  let isMine = false
  const waiting = withFileLock(lock, async () => {
    isMine = true
  })
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(isMine).toBe(false)
  holder.kill('SIGKILL')
  await waiting

  expect(isMine).toBe(true)
})

test('work that fails gives the lock back', async () => {
  const lock = join(temporaryHome().config, 'lock')
  await expect(withFileLock(lock, () => Promise.reject(new TypeError('no')))).rejects.toThrow('no')

  expect(withFileLockHeld(lock, () => 'mine')).toBe('mine')
})

test('a lock where none can be made is a local problem', async () => {
  const lock = join(temporaryHome().config, 'nowhere', 'lock')

  await expect(withFileLock(lock, async () => undefined)).rejects.toMatchObject({ code: 'LOCAL_STATE', exit: 16 })
})
