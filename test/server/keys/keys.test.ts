import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openSeal } from '../../../src/server/keys/seal.ts'
import { loadServerKeys } from '../../../src/server/keys/server-keys.ts'
import { openStore, type Store } from '../../../src/server/store/open-store.ts'
import { keptLog } from '../../support/shop.ts'

const folder = mkdtempSync(join(tmpdir(), 'hoop-test-keys-'))
let store: Store

beforeAll(async () => {
  store = await openStore({ kind: 'sqlite', file: join(folder, 'hoop.sqlite') }, keptLog())
})

afterAll(async () => {
  await store?.close()
  rmSync(folder, { recursive: true, force: true })
})

test('what is sealed opens with the same key at the same place, and nowhere else', () => {
  const seal = openSeal(join(folder, 'a.key'))
  const sealed = seal.close('connection:prod', 'hunter2')

  expect(openSeal(join(folder, 'a.key')).open('connection:prod', sealed)).toBe('hunter2')
  expect(() => seal.open('connection:other', sealed)).toThrow(expect.objectContaining({ code: 'LOCAL_STATE' }))
  expect(() => openSeal(join(folder, 'b.key')).open('connection:prod', sealed)).toThrow(
    expect.objectContaining({ code: 'LOCAL_STATE' }),
  )
})

test('no byte of a sealed value can be changed or left out', () => {
  const seal = openSeal(join(folder, 'a.key'))
  const bytes = Buffer.from(seal.close('here', 'hunter2'), 'base64')

  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ 1
    expect(() => seal.open('here', changed.toString('base64'))).toThrow(
      expect.objectContaining({ code: 'LOCAL_STATE' }),
    )
    const cut = bytes.subarray(0, at).toString('base64')
    expect(() => seal.open('here', cut)).toThrow(expect.objectContaining({ code: 'LOCAL_STATE' }))
  }
})

test('the same value is sealed differently each time', () => {
  const seal = openSeal(join(folder, 'a.key'))

  expect(seal.close('here', 'x')).not.toBe(seal.close('here', 'x'))
})

test('a key file is for its owner alone, and is refused when others may read it', () => {
  const file = join(folder, 'open.key')
  openSeal(file)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  chmodSync(file, 0o640)

  expect(() => openSeal(file)).toThrow(expect.objectContaining({ code: 'LOCAL_STATE', hint: `chmod 600 ${file}` }))
})

test.each(['', 'c2hvcnQ=', 'x'.repeat(400)])('a key file that holds "%.10s" is refused and left alone', (text) => {
  const file = join(folder, `bad-${text.length}.key`)
  writeFileSync(file, text, { mode: 0o600 })

  expect(() => openSeal(file)).toThrow(expect.objectContaining({ code: 'LOCAL_STATE' }))
  expect(readFileSync(file, 'utf8')).toBe(text)
})

test('servers that start at once in one new folder agree on one key, and leave nothing else', async () => {
  const file = join(folder, 'new', 'server.key')
  const source = join(import.meta.dirname, '../../../src/server/keys/seal.ts')
  const script = `const { openSeal } = await import(${JSON.stringify(source)}); process.stdout.write(openSeal(${JSON.stringify(file)}).close('here', 'x'))`
  const run = () => promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script])

  const sealed = await Promise.all([run(), run(), run(), run()])

  expect(sealed.map(({ stdout }) => openSeal(file).open('here', stdout))).toEqual(['x', 'x', 'x', 'x'])
  expect(readdirSync(join(folder, 'new'))).toEqual(['server.key'])
})

test('keys are made once: two loads at once and one after agree', async () => {
  const seal = openSeal(join(folder, 'a.key'))
  const [first, second] = await Promise.all([loadServerKeys(store, seal), loadServerKeys(store, seal)])
  const third = await loadServerKeys(store, seal)

  expect(first.publicJwk).toEqual(second.publicJwk)
  expect([first.publicJwk, first.issuerJwk, first.cookieKeys]).toEqual([
    third.publicJwk,
    third.issuerJwk,
    third.cookieKeys,
  ])
})

test('no private key is in the store in clear, nor in what is published', async () => {
  const keys = await loadServerKeys(store, openSeal(join(folder, 'a.key')))
  const rows = JSON.stringify(await store.db.selectFrom('keys').selectAll().execute())

  expect(rows).not.toContain(keys.issuerJwk.d)
  expect(rows).not.toContain('"d"')
  expect(keys.publicJwk).toEqual({ kty: 'OKP', crv: 'Ed25519', x: expect.any(String), kid: expect.any(String) })
})

test('a store with another key file is not signed for anew', async () => {
  await loadServerKeys(store, openSeal(join(folder, 'a.key')))

  await expect(loadServerKeys(store, openSeal(join(folder, 'stranger.key')))).rejects.toMatchObject({
    code: 'LOCAL_STATE',
  })
})
