import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Clock } from '../../src/base/ports.ts'
import { changeConfig } from '../../src/identity/contexts.ts'
import type { Credential } from '../../src/identity/credential.ts'
import { openCredentialStore } from '../../src/identity/credential-store.ts'
import type { Paths } from '../../src/identity/paths.ts'
import { signIn } from '../../src/identity/sign-in.ts'
import { systemClock } from '../../src/identity/system-clock.ts'
import { createTokenSource, type TokenSource } from '../../src/identity/token-source.ts'
import { type ScriptedIdp, send, startScriptedIdp } from './support/scripted-idp.ts'
import { contextAt, temporaryHome } from './support/temporary-home.ts'

let idp: ScriptedIdp

beforeAll(async () => {
  idp = await startScriptedIdp()
})

beforeEach(() => {
  idp.become({ rotates: true })
})

afterAll(() => idp?.stop())

/** A clock whose two hands the test moves. */
function movedClock(): Clock & { pass(ms: number): void; setWall(ms: number): void } {
  let [wallMs, monotonicMs] = [Date.now(), 5_000]
  return {
    nowMs: () => wallMs,
    monotonicMs: () => monotonicMs,
    pass(ms) {
      wallMs += ms
      monotonicMs += ms
    },
    setWall(ms) {
      wallMs = ms
    },
  }
}

/** Somebody who has just signed in. */
async function signedIn(clock: Clock = systemClock) {
  const paths = temporaryHome()
  const context = contextAt(idp.url)
  const { credential } = await signIn({
    server: idp.url,
    clock,
    present: async (url) => {
      await idp.press(url)
    },
  })
  const store = openCredentialStore(paths, 'prod', context)
  await store.write(credential)
  changeConfig(paths, () => ({ current: 'prod', contexts: { prod: context } }))
  idp.asked.length = 0
  const source = (): TokenSource => createTokenSource({ paths, name: 'prod', context, store, clock })
  return { paths, store, credential, source }
}

/** As it is found hours later. */
async function makeStale(store: { write(credential: Credential): Promise<void> }, credential: Credential) {
  await store.write({ ...credential, accessObtainedAtMs: 1_000, accessEndsAtMs: 2_000 })
}

describe('a token', () => {
  test('is used for 80 % of its life, then renewed', async () => {
    const clock = movedClock()
    const { source, credential } = await signedIn(clock)
    const tokens = source()
    clock.pass(239_000)

    expect(await tokens.authorize()).toBe(`Bearer ${credential.accessToken}`)
    expect(idp.asked).toEqual([])
    clock.pass(2_000)
    expect(await tokens.accessToken()).not.toBe(credential.accessToken)
    expect(idp.asked).toEqual(['refresh_token'])
  })

  test('does not live longer, and does not end, by the wall clock being set', async () => {
    const clock = movedClock()
    const { source, credential } = await signedIn(clock)
    const tokens = source()
    await tokens.accessToken()
    clock.setWall(Date.now() + 86_400_000)

    expect(await tokens.accessToken()).toBe(credential.accessToken)
    clock.setWall(Date.now() - 86_400_000)
    clock.pass(241_000)
    expect(await tokens.accessToken()).not.toBe(credential.accessToken)
  })

  test('from the future is renewed: its age is unknown', async () => {
    const clock = movedClock()
    const { source, credential } = await signedIn(clock)
    clock.setWall(Date.now() - 3_600_000)

    expect(await source().accessToken()).not.toBe(credential.accessToken)
  })

  test('is renewed once for all who ask at once', async () => {
    const { source, store, credential } = await signedIn()
    await makeStale(store, credential)
    const tokens = source()
    const given = await Promise.all(Array.from({ length: 50 }, () => tokens.accessToken()))

    expect(new Set(given).size).toBe(1)
    expect(idp.asked).toEqual(['refresh_token'])
  })

  test('is renewed again after a renewal that failed', async () => {
    const { source, store, credential } = await signedIn()
    await makeStale(store, credential)
    const tokens = source()
    idp.become({ rotates: true, token: (reply) => reply.destroy() })
    await expect(tokens.accessToken()).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' })
    idp.become({ rotates: true })

    expect(await tokens.accessToken()).toMatch(/^access-/)
  })
})

describe('signing in has ended', () => {
  test('when the issuer refuses the refresh token, and what is stored stays', async () => {
    const { source, store, credential } = await signedIn()
    await makeStale(store, credential)
    idp.endAll()

    await expect(source().accessToken()).rejects.toMatchObject({ code: 'LOGIN_EXPIRED', exit: 4, hint: 'hoop login' })
    expect((await store.read())?.refreshToken).toBe(credential.refreshToken)
  })

  test('but not when somebody has signed in again meanwhile', async () => {
    const { source, store, credential } = await signedIn()
    await makeStale(store, credential)
    const newer = { ...credential, refreshToken: 'refresh-newer', accessToken: 'access-newer' }
    idp.become({
      token: async (reply) => {
        await store.write(newer)
        send(reply, 400, { error: 'invalid_grant' })
      },
    })

    expect(await source().accessToken()).toBe('access-newer')
  })

  test.each([
    ['an error page of a proxy', 502, '<h1>Bad Gateway</h1>'],
    ['a server in trouble', 500, { error: 'server_error' }],
    ['too many requests', 429, { error: 'slow_down' }],
  ])('but not when the answer is %s', async (_what, status, body) => {
    const { source, store, credential } = await signedIn()
    await makeStale(store, credential)
    idp.become({ token: (reply) => send(reply, status, body) })

    await expect(source().accessToken()).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE', exit: 11 })
    expect((await store.read())?.refreshToken).toBe(credential.refreshToken)
  })

  test('when nothing is stored', async () => {
    const { source, store } = await signedIn()
    await store.remove()

    await expect(source().accessToken()).rejects.toMatchObject({ code: 'LOGIN_REQUIRED', exit: 4 })
  })
})

test('a lock file that somebody has written something else to is named', async () => {
  const { source, store, credential, paths } = await signedIn()
  await makeStale(store, credential)
  writeFileSync(join(paths.config, 'credentials', 'prod.lock'), 'this is no lock but a text\n'.repeat(50))

  await expect(source().accessToken()).rejects.toMatchObject({ code: 'LOCAL_STATE', exit: 16 })
})

describe('among processes', () => {
  test('twenty that need a token at once renew it once, and all get it', { timeout: 120_000 }, async () => {
    const { paths, store, credential } = await signedIn()
    await makeStale(store, credential)
    const started = await Promise.all(Array.from({ length: 20 }, () => start(paths)))
    for (const { go } of started) go()
    const said = await Promise.all(started.map(({ next }) => next()))

    expect(new Set(said)).toEqual(new Set([(await store.read())?.accessToken]))
    expect(idp.asked).toEqual(['refresh_token'])
  })

  test('one killed between the answer and the save locks nobody out and damages nothing', async () => {
    idp.become({ rotates: false })
    const { paths, store, credential } = await signedIn()
    await makeStale(store, credential)
    const file = join(paths.config, 'credentials', 'prod.json')
    const before = readFileSync(file, 'utf8')
    const dying = await start(paths, 'die-before-saving')
    dying.go()
    expect(await dying.next()).toBe('saving')
    dying.kill()
    expect(readFileSync(file, 'utf8')).toBe(before)
    const next = await start(paths)
    next.go()

    expect(await next.next()).toMatch(/^access-/)
  })

  test('where refresh tokens are used up, that one has ended the sign-in, and it is said as that', async () => {
    const { paths, store, credential } = await signedIn()
    await makeStale(store, credential)
    const dying = await start(paths, 'die-before-saving')
    dying.go()
    expect(await dying.next()).toBe('saving')
    dying.kill()
    const next = await start(paths)
    next.go()

    expect(await next.next()).toBe('error LOGIN_EXPIRED')
  })
})

interface TokenProcess {
  go(): void
  /** The next line it says. */
  next(): Promise<string>
  kill(): void
}

async function start(paths: Paths, ...args: readonly string[]): Promise<TokenProcess> {
  const script = join(import.meta.dirname, 'support/token-process.ts')
  expect(existsSync(script)).toBe(true)
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', script, ...args], {
    env: { PATH: process.env['PATH'], HOOP_CONFIG_DIR: paths.config },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  let tell = (): void => undefined
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    lines.push(...text.split('\n').filter((line) => line !== ''))
    tell()
  })
  const next = async (): Promise<string> => {
    while (lines.length === 0) {
      await new Promise<void>((resolve) => {
        tell = resolve
      })
    }
    return lines.shift() ?? ''
  }
  expect(await next()).toBe('ready')
  return { go: () => void child.stdin?.write('go\n'), next, kill: () => void child.kill('SIGKILL') }
}
