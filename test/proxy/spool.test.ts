import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findBreak } from '../../src/audit/chain.ts'
import type { Entry } from '../../src/audit/entry.ts'
import { Spool, type SpoolOptions } from '../../src/proxy/spool.ts'
import { keptLog } from '../support/shop.ts'

let directory: string
let log: ReturnType<typeof keptLog>

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hoop-spool-'))
  log = keptLog()
})

afterEach(() => rmSync(directory, { recursive: true, force: true }))

const about = { stream: 'str_ONE', session: 'ses_ONE', server: 'http://127.0.0.1:9', uploadKey: 'key' }
const entry: Entry = { kind: 'session.closed', v: 1, id: 'evt_1', session: 'ses_ONE', atMs: 1, why: 'client' }
const options = (more: Partial<SpoolOptions> = {}): SpoolOptions => ({
  directory,
  durability: 'process',
  maxBytes: 2 ** 30,
  log,
  ...more,
})
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('entries of one turn are committed together, and only then', async () => {
  const spool = Spool.create(about, options())
  let commits = 0
  spool.listen({ committed: () => commits++, failed: () => undefined })
  const last = [spool.append(entry), spool.append(entry), spool.append(entry)].at(-1)

  expect(spool.committedSeq).toBe(0)
  await turn()
  expect([spool.committedSeq, commits]).toEqual([last, 1])
  spool.close()
})

test('the chain goes on over acknowledgements and a change of owner', async () => {
  const spool = Spool.create(about, options())
  for (let count = 0; count < 5; count++) spool.append(entry)
  await turn()
  const first = spool.waiting(3)
  spool.acknowledge(3)
  spool.close()

  const adopted = Spool.adopt(join(directory, 'str_ONE.spool'), options())
  adopted?.append(entry)
  await turn()
  const rest = adopted?.waiting(100) ?? []

  expect(rest.map(({ seq }) => seq)).toEqual([4, 5, 6])
  expect(findBreak('str_ONE', null, [...first, ...rest])).toBeNull()
  adopted?.close()
})

test('a stream that has arrived as a whole leaves no file', async () => {
  const spool = Spool.create(about, options())
  spool.append(entry)
  await turn()
  spool.acknowledge(1)
  spool.close()

  expect(readdirSync(directory)).toEqual([])
})

test('a file that somebody holds is not taken over', () => {
  const spool = Spool.create(about, options())

  expect(Spool.adopt(join(directory, 'str_ONE.spool'), options())).toBeNull()
  spool.close()
})

test('only its owner can read it', () => {
  const spool = Spool.create(about, options({ directory: join(directory, 'own') }))

  expect(statSync(join(directory, 'own')).mode & 0o077).toBe(0)
  spool.close()
})

test('a damaged file is set aside and reported, and work goes on', () => {
  const file = join(directory, 'str_BROKEN.spool')
  writeFileSync(file, 'this was a database once'.repeat(1_000))

  expect(Spool.adopt(file, options())).toBeNull()
  expect(readdirSync(directory)).toEqual(['str_BROKEN.spool.broken'])
  expect(log.lines.join()).toContain('damaged')
})

test('where nothing can be written, nothing may run', () => {
  const blocked = join(directory, 'a-file')
  writeFileSync(blocked, '')

  expect(() => Spool.create(about, options({ directory: blocked }))).toThrow(
    expect.objectContaining({ code: 'AUDIT_UNAVAILABLE', exit: 15 }),
  )
})

test('a full spool says so, takes nothing more, and loses nothing', async () => {
  const spool = Spool.create(about, options({ maxBytes: 64 * 1024 }))
  const failed: string[] = []
  spool.listen({ committed: () => undefined, failed: ({ code }) => failed.push(code) })
  for (let count = 0; count < 2_000 && failed.length === 0; count++) {
    spool.append({ ...entry, id: `evt_${'X'.repeat(200)}${count}` })
    if (count % 20 === 0) await turn()
  }
  await turn()

  expect(failed[0]).toBe('SPOOL_FULL')
  expect(spool.failure).toMatchObject({ code: 'SPOOL_FULL', exit: 15 })
  expect(spool.waiting(10_000)).toHaveLength(spool.committedSeq)
  spool.close()
})

test.each([
  ['process', 12],
  ['power', 6],
])(
  'killed at any moment, everything called durable (%s) is there and the chain holds',
  async (durability, rounds) => {
    for (let round = 0; round < Number(rounds); round++) {
      const own = join(directory, `${durability}-${round}`)
      const told = await runAndKill(own, String(durability), 250 + Math.floor(Math.random() * 150))
      const spool = Spool.adopt(join(own, 'str_KILLED.spool'), options({ directory: own }))
      const links = spool?.waiting(1_000_000) ?? []

      expect(told).toBeGreaterThan(0)
      expect(links.length).toBeGreaterThanOrEqual(told)
      expect(findBreak('str_KILLED', null, links)).toBeNull()
      spool?.close()
    }
  },
  60_000,
)

/** Starts a writer, kills it a while after its first word, and returns the last link it called durable. */
async function runAndKill(own: string, durability: string, afterMs: number): Promise<number> {
  const script = join(import.meta.dirname, 'spool-writer.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', script, own, durability], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (said === '') setTimeout(() => child.kill('SIGKILL'), afterMs - 200)
    said += text
  })
  await new Promise((resolve) => child.once('close', resolve))
  // A line that was cut off by the kill was not told.
  return Number(said.slice(0, said.lastIndexOf('\n')).split('\n').at(-1) ?? 0)
}
