import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { HttpSend } from '../../src/api/client.ts'
import type { Link } from '../../src/audit/chain.ts'
import { AppError } from '../../src/base/app-error.ts'
import { systemClock, systemRandom } from '../../src/identity/system-clock.ts'
import { Spool } from '../../src/proxy/spool.ts'
import { Uploader } from '../../src/proxy/uploader.ts'
import { keptLog } from '../support/shop.ts'

let directory: string
let spool: Spool

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hoop-upload-'))
  const about = { stream: 'str_UP', session: 'ses_UP', server: 'http://127.0.0.1:9', uploadKey: 'key' }
  spool = Spool.create(about, { directory, durability: 'process', maxBytes: 2 ** 30, log: keptLog() })
})
afterEach(() => {
  spool.close()
  rmSync(directory, { recursive: true, force: true })
})

const append = async (count: number, bytes: number): Promise<void> => {
  for (let at = 0; at < count; at++) {
    const id = `evt_${'x'.repeat(bytes)}`
    spool.append({ kind: 'session.closed', v: 1, id, session: 'ses_UP', atMs: at, why: 'client' })
  }
  await new Promise((resolve) => setImmediate(resolve))
}

const uploader = (send: HttpSend): Uploader =>
  new Uploader(spool, { clock: systemClock, random: systemRandom, log: keptLog(), send })

const acknowledge = (body: string): { status: number; body: string } => {
  const { links } = JSON.parse(body) as { links: Link[] }
  const last = links.at(-1)
  return { status: 200, body: JSON.stringify({ seq: last?.seq, hash: last?.hash }) }
}

test('large records go in batches the server takes, all of them', async () => {
  const sizes: number[] = []
  await append(12, 1_500_000)
  const hasArrived = await uploader(async ({ body = '' }) => {
    sizes.push(body.length)
    return acknowledge(body)
  }).flush(5_000)

  expect(hasArrived).toBe(true)
  expect(Math.max(...sizes)).toBeLessThan(16 * 1024 * 1024)
})

test('what the server did not acknowledge is sent again and never deleted', async () => {
  let tries = 0
  await append(3, 10)
  const hasArrived = await uploader(async ({ body = '' }) => {
    tries += 1
    if (tries < 3) throw new AppError('SERVER_UNREACHABLE', 'Cannot reach the hoop server')
    return acknowledge(body)
  }).flush(5_000)

  expect([hasArrived, tries]).toEqual([true, 3])
})

test('a flush that runs out of time keeps what it has', async () => {
  await append(3, 10)
  const hasArrived = await uploader(async () => {
    throw new AppError('SERVER_UNREACHABLE', 'Cannot reach the hoop server')
  }).flush(200)

  expect(hasArrived).toBe(false)
  expect(spool.waitingCount).toBe(3)
})
