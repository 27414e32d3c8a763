import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { AppError } from '../../src/base/app-error.ts'
import type { Credential } from '../../src/identity/credential.ts'
import { openCredentialStore } from '../../src/identity/credential-store.ts'
import type { Keychain } from '../../src/identity/keychain.ts'
import { contextAt, temporaryHome } from './support/temporary-home.ts'

const credential: Credential = {
  refreshToken: 'refresh-canary',
  accessToken: 'access-canary',
  accessObtainedAtMs: 1_000,
  accessEndsAtMs: 2_000,
  endsAtMs: 3_000,
}

/** A keychain that can be locked in the two ways seen on real ones. */
function memoryKeychain() {
  const kept = new Map<string, string>()
  let state: 'open' | 'silent' | 'failing' = 'open'
  const demandOpen = (): void => {
    if (state === 'failing') throw new AppError('KEYCHAIN_UNAVAILABLE', 'Cannot use the keychain: it is locked')
  }
  const keychain: Keychain = {
    async get(account) {
      demandOpen()
      return state === 'silent' ? null : (kept.get(account) ?? null)
    },
    async set(account, value) {
      demandOpen()
      if (state === 'silent') throw new AppError('KEYCHAIN_UNAVAILABLE', 'Cannot use the keychain: it is locked')
      kept.set(account, value)
    },
    async delete(account) {
      demandOpen()
      kept.delete(account)
    },
  }
  return {
    keychain,
    kept,
    become(wanted: typeof state): void {
      state = wanted
    },
  }
}

function encrypted() {
  const paths = temporaryHome()
  const memory = memoryKeychain()
  const context = contextAt('https://hoop.example.com', { store: 'keychain' })
  const open = (name = 'prod', different: Parameters<typeof contextAt>[1] = {}) =>
    openCredentialStore(paths, name, { ...context, ...different }, memory.keychain)
  return { paths, ...memory, open, file: join(paths.config, 'credentials', 'prod.enc') }
}

describe('with a keychain', () => {
  test('what was written is read, in this process and another', async () => {
    const { open } = encrypted()
    await open().write(credential)

    expect(await open().read()).toEqual(credential)
  })

  test('neither the file nor the keychain alone tells a token', async () => {
    const { open, file, kept } = encrypted()
    await open().write(credential)
    const text = readFileSync(file, 'utf8')

    expect(Buffer.from(text, 'base64').toString('latin1')).not.toMatch(/canary|refreshToken/)
    expect([...kept.values()].join()).not.toContain('canary')
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  test.each([
    ['silent', 'answers "nothing"'],
    ['failing', 'fails'],
  ] as const)('one that is locked and %s is not "signed out": exit 16', async (state, _how) => {
    const { open, become } = encrypted()
    await open().write(credential)
    become(state)

    await expect(open().read()).rejects.toMatchObject({ code: 'KEYCHAIN_UNAVAILABLE', exit: 16 })
    await expect(open().write(credential)).rejects.toMatchObject({ code: 'KEYCHAIN_UNAVAILABLE' })
    become('open')
    expect(await open().read()).toEqual(credential)
  })

  test('a locked one is never worked around with a file in clear', async () => {
    const { open, become, paths } = encrypted()
    become('failing')
    await open()
      .write(credential)
      .catch(() => undefined)

    expect(existsSync(join(paths.config, 'credentials', 'prod.json'))).toBe(false)
  })

  test('a file taken to another server, person or context does not open there', async () => {
    const { open, file, paths, kept } = encrypted()
    await open().write(credential)
    const other = join(paths.config, 'credentials', 'other.enc')
    writeFileSync(other, readFileSync(file), { mode: 0o600 })
    kept.set(`other ${paths.config}`, kept.get(`prod ${paths.config}`) ?? '')

    await expect(open('prod', { server: 'https://evil.example' }).read()).rejects.toMatchObject({ code: 'LOCAL_STATE' })
    await expect(open('prod', { sub: 'eve' }).read()).rejects.toMatchObject({ code: 'LOCAL_STATE' })
    await expect(open('other').read()).rejects.toMatchObject({ code: 'LOCAL_STATE' })
  })

  test('a file changed in any one place does not open', async () => {
    const { open, file } = encrypted()
    await open().write(credential)
    const bytes = Buffer.from(readFileSync(file, 'utf8'), 'base64')
    for (let at = 0; at < bytes.length; at += 7) {
      const changed = Buffer.from(bytes)
      changed.writeUInt8((changed.readUInt8(at) + 1) % 256, at)
      writeFileSync(file, changed.toString('base64'), { mode: 0o600 })

      await expect(open().read()).rejects.toMatchObject({ code: 'LOCAL_STATE' })
    }
  })

  test.each([0, 5, 12, 16, 28, 40])('a file cut after %i bytes does not open', async (length) => {
    const { open, file } = encrypted()
    await open().write(credential)
    const bytes = Buffer.from(readFileSync(file, 'utf8'), 'base64')
    writeFileSync(file, bytes.subarray(0, length).toString('base64'), { mode: 0o600 })

    await expect(open().read()).rejects.toMatchObject({ code: 'LOCAL_STATE', exit: 16 })
  })

  test('a file in clear from before goes when the sign-in moves into the keychain, and the reverse', async () => {
    const { open, paths, file } = encrypted()
    const clear = join(paths.config, 'credentials', 'prod.json')
    await open('prod', { store: 'file' }).write(credential)
    await open().write(credential)
    expect([existsSync(clear), existsSync(file)]).toEqual([false, true])
    await open('prod', { store: 'file' }).write(credential)

    expect([existsSync(clear), existsSync(file)]).toEqual([true, false])
  })

  test('removing leaves nothing, here or there', async () => {
    const { open, kept, file } = encrypted()
    await open().write(credential)
    await open().remove()

    expect([existsSync(file), kept.size, await open().read()]).toEqual([false, 0, undefined])
  })

  test('two users of one keychain with other folders do not share a key', async () => {
    const { open, keychain, kept } = encrypted()
    await open().write(credential)
    const other = openCredentialStore(
      temporaryHome(),
      'prod',
      contextAt('https://hoop.example.com', { store: 'keychain' }),
      keychain,
    )
    await other.write(credential)
    await other.remove()

    expect(kept.size).toBe(1)
    expect(await open().read()).toEqual(credential)
  })
})

describe('in a file', () => {
  const context = contextAt('https://hoop.example.com')

  test.each([
    ['half a file', '{"refreshToken":"canary-ref'],
    ['an empty one', ''],
    ['another member', JSON.stringify({ ...credential, extra: 'canary' })],
    ['a member less', JSON.stringify({ refreshToken: 'canary' })],
    ['an empty token', JSON.stringify({ ...credential, accessToken: '' })],
    ['a list', '[]'],
  ])('%s is a clear error that quotes nothing of it, and stays for a look', async (_what, text) => {
    const paths = temporaryHome()
    const store = openCredentialStore(paths, 'prod', context)
    await store.write(credential)
    const file = join(paths.config, 'credentials', 'prod.json')
    writeFileSync(file, text)
    const error = await store.read().catch((reason: AppError) => reason)

    expect(error).toMatchObject({ code: 'LOCAL_STATE', exit: 16, hint: expect.stringContaining('hoop login') })
    expect(`${(error as AppError).stack}${JSON.stringify(error)}`).not.toContain('canary')
    expect(readFileSync(file, 'utf8')).toBe(text)
  })

  test('writing over a damaged one repairs it', async () => {
    const paths = temporaryHome()
    const store = openCredentialStore(paths, 'prod', context)
    await store.write(credential)
    writeFileSync(join(paths.config, 'credentials', 'prod.json'), 'damage')
    await store.write(credential)

    expect(await store.read()).toEqual(credential)
  })
})
