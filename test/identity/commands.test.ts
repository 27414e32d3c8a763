import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { clickThrough } from '../../src/demo/scripted-browser.ts'
import { startTestServer, type TestServer } from '../server/support/test-server.ts'
import { type ScriptedIdp, startScriptedIdp } from './support/scripted-idp.ts'

/** The commands as processes of their own against a real server. */
let server: TestServer

beforeAll(async () => {
  server = await startTestServer()
})

afterAll(() => server?.stop())

interface Finished {
  readonly exit: number | null
  readonly stdout: string
  readonly stderr: string
}

interface Given {
  /** Called once, with the sign-in address and the process id, when it is printed. */
  readonly onAddress?: (address: string, pid: number) => unknown
  readonly env?: Readonly<Record<string, string>>
}

function home(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hoop-commands-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function hoop(folder: string, args: readonly string[], { onAddress, env = {} }: Given = {}): Promise<Finished> {
  const root = join(import.meta.dirname, '../..')
  const child = spawn(process.execPath, [join(root, 'bin/dev.js'), ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: folder, HOOP_CONFIG_DIR: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr, isCalled] = ['', '', false]
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    const address = /^ {2}(http:\/\/\S+auth\?\S+)\n/m.exec(stderr)?.[1]
    if (!address || isCalled || !/Ctrl-C cancels/.test(stderr)) return
    isCalled = true
    Promise.resolve(onAddress?.(address, child.pid ?? 0)).catch(() => undefined)
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (exit) => resolve({ exit, stdout, stderr }))
  })
}

/** Where a keychain works whatever the environment says, tests of its absence cannot run. */
const isLinux = process.platform === 'linux'

function logIn(folder: string, ...flags: string[]): Promise<Finished> {
  return logInAuto(folder, '--store', 'plaintext', ...flags)
}

function logInAuto(folder: string, ...flags: string[]): Promise<Finished> {
  return hoop(folder, ['login', server.url, '--no-browser', ...flags], {
    onAddress: (address) => clickThrough(address, 'ana'),
  })
}

function contexts(folder: string): Record<string, Record<string, unknown>> {
  return parse(readFileSync(join(folder, 'config.yaml'), 'utf8')).contexts
}

describe('login', () => {
  test.runIf(isLinux)(
    'shows the address, waits, and says who, until when, where it is kept and what is next',
    async () => {
      const folder = home()
      const { exit, stdout, stderr } = await logInAuto(folder)

      expect({ exit, stdout }).toEqual({ exit: 0, stdout: '' })
      expect(stderr).toMatch(/No usable keychain here: your sign-in will be kept in a file that only you can read\./)
      expect(stderr).toMatch(/Sign in at 127\.0\.0\.1:\d+ in a browser on this machine:\n {2}http:\/\/127\.0\.0\.1/)
      expect(stderr).toMatch(/Waiting on 127\.0\.0\.1:\d+ for 5 minutes\. Ctrl-C cancels\./)
      expect(stderr).toMatch(
        /✓ Signed in to 127\.0\.0\.1:\d+ as ana@example\.com\. Session until \d\d:\d\d\. Stored in: /,
      )
      expect(stderr).toContain('Next:  hoop ls')
      expect(contexts(folder)['127.0.0.1']).toMatchObject({ server: server.url, tenant: 'acme', store: 'file' })
    },
  )

  test('keeps tokens in files of the user alone, and nowhere in what it prints', async () => {
    const folder = home()
    const { stdout, stderr } = await logIn(folder, '-o', 'json', '--debug')
    const file = join(folder, 'credentials', '127.0.0.1.json')
    const { accessToken, refreshToken } = JSON.parse(readFileSync(file, 'utf8'))

    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(join(folder, 'config.yaml')).mode & 0o777).toBe(0o600)
    expect(JSON.parse(stdout)).toMatchObject({ email: 'ana@example.com', store: 'file', context: '127.0.0.1' })
    for (const token of [accessToken, refreshToken]) {
      expect(stdout + stderr + readFileSync(join(folder, 'config.yaml'), 'utf8')).not.toContain(token)
    }
  })

  test.runIf(isLinux)('with --store keychain and none there ends with exit 16 before a browser is opened', async () => {
    const folder = home()
    const { exit, stderr } = await hoop(folder, ['login', server.url, '--store', 'keychain', '--no-browser'])

    expect(exit).toBe(16)
    expect(stderr).toMatch(/KEYCHAIN_UNAVAILABLE/)
    expect(stderr).not.toContain('/oidc/auth?')
  })

  test.runIf(isLinux)('does not go down from a keychain to a file by itself', async () => {
    const folder = home()
    await logIn(folder)
    const file = join(folder, 'config.yaml')
    writeFileSync(file, readFileSync(file, 'utf8').replace('store: file', 'store: keychain'))
    const { exit, stderr } = await logInAuto(folder)

    expect(exit).toBe(16)
    expect(stderr).toContain('hoop login --store plaintext')
    expect((await logIn(folder)).exit).toBe(0)
  })

  test('Ctrl-C cancels, changes nothing and leaves the port', async () => {
    const folder = home()
    let redirect = ''
    const { exit, stderr } = await hoop(folder, ['login', server.url, '--no-browser'], {
      onAddress: (address, pid) => {
        redirect = new URL(address).searchParams.get('redirect_uri') ?? ''
        process.kill(pid, 'SIGINT')
      },
    })

    expect(exit).toBe(130)
    expect(stderr).toContain('Cancelled. Nothing was changed.')
    expect(existsSync(join(folder, 'config.yaml'))).toBe(false)
    await expect(fetch(redirect)).rejects.toThrow()
  })

  test.each([
    ['no address', [], 2, 'USAGE'],
    ['http over a network', ['http://hoop.example.com'], 2, 'USAGE'],
    ['an address without https', ['hoop.example.com'], 2, 'USAGE'],
    ['a server that is not there', ['http://127.0.0.1:1'], 11, 'SERVER_UNREACHABLE'],
    ['a context name that leaves the folder', ['http://127.0.0.1:1', '--context', '../../x'], 2, 'USAGE'],
  ] as const)('with %s changes nothing and ends with its own exit code', async (_what, args, exit, code) => {
    const folder = home()
    const finished = await hoop(folder, ['login', '--no-browser', '--store', 'plaintext', '-o', 'json', ...args])

    expect(finished).toMatchObject({ exit, stdout: '' })
    expect(JSON.parse(finished.stderr.trim().split('\n').at(-1) ?? '').error).toMatchObject({ code, exit })
    expect(readdirSync(folder).filter((name) => name === 'config.yaml')).toEqual([])
  })

  test('again replaces the sign-in of that context, and another name adds one', async () => {
    const folder = home()
    await logIn(folder, '--context', 'one')
    const first = readFileSync(join(folder, 'credentials', 'one.json'), 'utf8')
    await logIn(folder, '--context', 'one')
    await logIn(folder, '--context', 'two')

    expect(readFileSync(join(folder, 'credentials', 'one.json'), 'utf8')).not.toBe(first)
    expect(Object.keys(contexts(folder))).toEqual(['one', 'two'])
  })

  test('of two at once keeps both', async () => {
    const folder = home()
    await Promise.all([logIn(folder, '--context', 'one'), logIn(folder, '--context', 'two')])

    expect(new Set(Object.keys(contexts(folder)))).toEqual(new Set(['one', 'two']))
  })
})

describe('signed in', () => {
  test('whoami and status say who, where from, until when and how it is kept', async () => {
    const folder = home()
    await logIn(folder, '--context', 'one')
    const who = JSON.parse((await hoop(folder, ['whoami', '--json'])).stdout)
    const status = JSON.parse((await hoop(folder, ['status', '--json'])).stdout)

    expect(who).toMatchObject({ sub: 'ana', email: 'ana@example.com', groups: ['oncall'], source: 'current context' })
    expect(status).toMatchObject({
      context: 'one',
      server: server.url,
      reachable: 'reachable',
      signedInAs: 'ana@example.com',
      credentialStore: expect.stringContaining('plain text'),
    })
    expect(Date.parse(status.signedInUntil)).toBeGreaterThan(Date.now())
  })

  test('logout ends it at the server too: a copy of the tokens renews nothing', async () => {
    const folder = home()
    const copy = home()
    await logIn(folder, '--context', 'one')
    const stolen = JSON.parse(readFileSync(join(folder, 'credentials', 'one.json'), 'utf8'))
    await logIn(copy, '--context', 'one')
    const { exit, stderr } = await hoop(folder, ['logout'])
    writeFileSync(join(copy, 'credentials', 'one.json'), JSON.stringify({ ...stolen, accessEndsAtMs: 1 }))

    expect([exit, stderr]).toEqual([0, expect.stringContaining('✓ Signed out')])
    expect(existsSync(join(folder, 'credentials', 'one.json'))).toBe(false)
    expect((await hoop(folder, ['whoami'])).exit).toBe(4)
    expect((await hoop(copy, ['whoami'])).exit).toBe(4)
  })

  test('context ls, use and rm', async () => {
    const folder = home()
    await logIn(folder, '--context', 'one')
    await logIn(folder, '--context', 'two')
    const used = await hoop(folder, ['context', 'use', 'two'])
    const listed = JSON.parse((await hoop(folder, ['context', 'ls', '--json'])).stdout)
    const removed = await hoop(folder, ['context', 'rm', 'two'])
    const unknown = await hoop(folder, ['context', 'use', 'oen'])

    expect([used.exit, removed.exit, unknown.exit]).toEqual([0, 0, 2])
    expect(listed.contexts.map(({ name, current }: Record<string, unknown>) => [name, current])).toEqual([
      ['one', false],
      ['two', true],
    ])
    expect(existsSync(join(folder, 'credentials', 'two.json'))).toBe(false)
    expect(unknown.stderr).toContain('Did you mean one?')
  })

  test('a config with a key nobody knows ends with exit 2 and names it', async () => {
    const folder = home()
    await logIn(folder)
    writeFileSync(join(folder, 'config.yaml'), 'curent: one\n')
    const { exit, stderr } = await hoop(folder, ['whoami'])

    expect(exit).toBe(2)
    expect(stderr).toMatch(/curent[\s\S]*CONFIG_INVALID/)
  })

  test('a damaged credential is said, stays, and can be signed out of', async () => {
    const folder = home()
    await logIn(folder, '--context', 'one')
    const file = join(folder, 'credentials', 'one.json')
    writeFileSync(file, '{"refreshToken":"canary')
    const asked = await hoop(folder, ['whoami'])
    const status = await hoop(folder, ['status', '--json'])
    const kept = readFileSync(file, 'utf8')
    const out = await hoop(folder, ['logout'])

    expect(asked.exit).toBe(16)
    expect(status.exit).toBe(0)
    expect(JSON.parse(status.stdout)).toMatchObject({
      signedInAs: 'unknown',
      credentialStore: expect.stringContaining('damaged'),
    })
    expect(asked.stderr).not.toContain('canary')
    expect(kept).toContain('canary')
    expect([out.exit, existsSync(file), contexts(folder)]).toEqual([16, false, {}])
    expect(out.stderr).toContain('Signed out here')
  })
})

describe('at a server of another kind', () => {
  let idp: ScriptedIdp

  beforeAll(async () => {
    idp = await startScriptedIdp()
  })

  afterAll(() => idp?.stop())

  function signIn(folder: string): Promise<Finished> {
    return hoop(folder, ['login', idp.url, '--no-browser', '--store', 'plaintext', '--context', 'x'], {
      onAddress: (address) => idp.press(address),
    })
  }

  test('an offline logout ends it here, with exit 11 and until when the tokens live', async () => {
    const folder = home()
    await signIn(folder)
    const file = join(folder, 'config.yaml')
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(idp.url, 'http://127.0.0.1:1'))
    const { exit, stderr } = await hoop(folder, ['logout'])

    expect(exit).toBe(11)
    expect(stderr).toMatch(/Signed out here[\s\S]*Until \d{4}-\d\d-\d\dT/)
    expect(existsSync(join(folder, 'credentials', 'x.json'))).toBe(false)
    expect(contexts(folder)).toEqual({})
  })

  test('a sign-in that was ended elsewhere is exit 4 with the next step', async () => {
    const folder = home()
    await signIn(folder)
    const file = join(folder, 'credentials', 'x.json')
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), accessEndsAtMs: 1 }))
    idp.endAll()
    const { exit, stderr } = await hoop(folder, ['whoami'])

    expect(exit).toBe(4)
    expect(stderr).toMatch(/sign-in has expired[\s\S]*Try: {2}hoop login[\s\S]*LOGIN_EXPIRED/)
  })

  test('a server that signs with another key than before is refused, whatever the context is called', async () => {
    const folder = home()
    await signIn(folder)
    idp.become({ discovery: (known) => ({ ...known, signingKey: { kty: 'OKP', crv: 'Ed25519', x: 'other' } }) })
    const { exit, stderr } = await hoop(folder, ['login', idp.url, '--no-browser', '--context', 'y'], {
      env: { HOOP_OUTPUT: 'json' },
    })
    idp.become({})

    expect(exit).toBe(11)
    expect(stderr).toMatch(/SERVER_MISTRUSTED[\s\S]*hoop context rm x/)
  })

  test('what an issuer says about an error cannot steer the terminal', async () => {
    const folder = home()
    idp.become({
      callback: (url) => {
        url.searchParams.set('error', 'access_denied')
        url.searchParams.set('error_description', 'no \u001b]0;owned\u0007 \u202eelgnis')
      },
    })
    const { exit, stderr } = await signIn(folder)
    idp.become({})

    expect(exit).toBe(4)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
    expect(stderr).not.toMatch(/[\u001b\u0007\u202e]/)
  })
})
