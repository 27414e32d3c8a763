import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { Secret } from '../../../src/base/secret.ts'
import { instantMs } from '../../../src/cli/work/audit.ts'
import { childEnvironment, connectionUri } from '../../../src/cli/work/client-environment.ts'
import { buildConnection, readPassword } from '../../../src/cli/work/connection-input.ts'
import { readPolicyFolder, writePolicyFolder } from '../../../src/cli/work/policy-folder.ts'
import { readSql } from '../../../src/cli/work/read-sql.ts'
import { loadServerConfig, writeServerConfig } from '../../../src/cli/work/server-config-file.ts'
import { environmentLines, sessionAddress } from '../../../src/cli/work/session-address.ts'
import { liveSessions, writeSessionDirectory } from '../../../src/cli/work/session-directory.ts'
import { splitStatements } from '../../../src/cli/work/split-statements.ts'
import { rememberPort, stickyPort } from '../../../src/cli/work/sticky-port.ts'

const home = mkdtempSync(join(tmpdir(), 'hoop-inputs-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

let folders = 0
function folder(files: Readonly<Record<string, string>> = {}): string {
  folders += 1
  const path = join(home, String(folders))
  mkdirSync(path)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
  return path
}

describe('statements', () => {
  test.each([
    ['select 1; select 2;', ['select 1', 'select 2']],
    ["select ';' ; select $$;$$", ["select ';'", 'select $$;$$']],
    ['select 1;;; -- end', ['select 1']],
    ["select 'grüße 東京'; select 2", ["select 'grüße 東京'", 'select 2']],
    ['-- only words', []],
    ['  ', []],
    ['selec 1; select 2', ['selec 1; select 2']],
  ])('%j are %j', async (sql, statements) => {
    expect(await splitStatements(sql)).toEqual(statements)
  })

  test.each([
    ['two sources', { rest: ['select 1'], file: 'x.sql', isTty: true }],
    ['none', { rest: null, file: undefined, isTty: true }],
    ['several words', { rest: ['select', '*', 'from', 'x'], file: undefined, isTty: true }],
    ['an empty one', { rest: [''], file: undefined, isTty: true }],
    ['-- with nothing after it', { rest: [], file: undefined, isTty: true }],
    ['a NUL', { rest: ['select 1\0; drop table x'], file: undefined, isTty: true }],
    ['a file that is not there', { rest: null, file: join(home, 'no.sql'), isTty: true }],
  ])('from %s are a usage error', async (_, sources) => {
    await expect(readSql(sources)).rejects.toMatchObject({ code: 'USAGE', exit: 2 })
  })

  test('from a file that is not UTF-8 are refused, not guessed', async () => {
    const path = join(home, 'latin1.sql')
    writeFileSync(path, Buffer.from([0x73, 0x65, 0x6c, 0xe9]))

    await expect(readSql({ rest: null, file: path, isTty: true })).rejects.toMatchObject({ code: 'USAGE' })
  })
})

describe('an instant', () => {
  const now = Date.parse('2026-11-24T12:00:00Z')

  test.each([
    ['24h', now - 86_400_000],
    ['2026-11-22T15:04:05Z', Date.parse('2026-11-22T15:04:05Z')],
    ['2026-11-22', new Date(2026, 10, 22).getTime()],
  ])('%s is understood', (text, expected) => {
    expect(instantMs(text, now)).toBe(expected)
  })

  test.each(['yesterday', '', '24', '24x', '2026-13-45', '12'])('%j is a usage error', (text) => {
    expect(() => instantMs(text, now)).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })
})

describe('a connection', () => {
  const flags = { host: 'db', database: 'shop', environment: 'prod', user: 'app' }

  test('takes flags over its file, and its password from elsewhere', async () => {
    const path = join(folder({ 'c.yaml': 'host: other\nport: 6000\nenvironment: stage\n' }), 'c.yaml')

    const input = await buildConnection('prod-db', flags, { file: path, password: new Secret('pw') })

    expect(input).toMatchObject({ host: 'db', port: 6000, environment: 'prod', tls: { sslmode: 'verify-full' } })
    expect(input.credentials).toEqual({ kind: 'static', user: 'app', password: 'pw' })
  })

  test.each([
    ['an unknown key', 'hosst: db\n'],
    ['a list', '- a\n'],
    ['broken YAML', 'password: "s3cret\n'],
  ])('with %s in its file is refused, and its secrets are not quoted', async (_, yaml) => {
    const path = join(folder({ 'c.yaml': yaml }), 'c.yaml')

    const error = await buildConnection('prod-db', flags, { file: path }).catch((thrown: unknown) => thrown)

    expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
    expect(String(error)).not.toContain('s3cret')
  })

  test('without a password says so', async () => {
    await expect(buildConnection('prod-db', flags, {})).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('credentials.password'),
    })
  })

  test('a password file may end with a line end, and may not be empty', async () => {
    const path = folder({ good: 'pw with space \n', empty: '\n' })

    expect((await readPassword({ file: join(path, 'good') }))?.reveal()).toBe('pw with space ')
    await expect(readPassword({ file: join(path, 'empty') })).rejects.toMatchObject({ code: 'USAGE' })
    await expect(readPassword({ file: 'x', variable: 'Y' })).rejects.toMatchObject({ code: 'USAGE' })
  })
})

describe('a policy folder', () => {
  test('is read with its sub-folders, without hidden files, and says what it left out', async () => {
    const path = folder({ 'a.cedar': 'x', 'classification.yaml': 'y', 'README.md': 'z', '.secret.yaml': 's' })

    expect(await readPolicyFolder(path)).toEqual({
      files: { 'a.cedar': 'x', 'classification.yaml': 'y' },
      leftOut: ['README.md'],
    })
  })

  test('with a symbolic link is refused: it may lead anywhere', async () => {
    const path = folder({ 'a.cedar': 'x' })
    symlinkSync('/etc/passwd', join(path, 'b.yaml'))

    await expect(readPolicyFolder(path)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })

  test.each(['../evil.cedar', '/etc/evil', 'a/../../b', '.bashrc', 'a//b', ''])(
    'a server that names a file %j writes nothing',
    async (name) => {
      const path = folder()

      await expect(writePolicyFolder(path, { 'good.cedar': 'x', [name]: 'x' }, true)).rejects.toMatchObject({
        code: 'SERVER_MISTRUSTED',
      })
      expect(existsSync(join(path, 'good.cedar'))).toBe(false)
    },
  )

  test('that holds something is not written over unless told to', async () => {
    const path = folder({ mine: 'x' })

    await expect(writePolicyFolder(path, { 'a.cedar': 'x' }, false)).rejects.toMatchObject({ code: 'USAGE' })
    await writePolicyFolder(path, { 'sub/a.cedar': 'x' }, true)
    expect((await readPolicyFolder(path)).files).toEqual({ 'sub/a.cedar': 'x' })
  })
})

test('the first configuration of a server can be read, and is never written over', async () => {
  const file = join(folder(), 'hoop-server.yaml')
  await writeServerConfig(file)

  expect(loadServerConfig(file)).toMatchObject({ tenant: 'acme', listen: { port: 7410 } })
  await expect(writeServerConfig(file)).rejects.toMatchObject({ code: 'USAGE' })
  expect(() => loadServerConfig(join(home, 'none.yaml'))).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
})

describe('the local port', () => {
  const paths = { config: join(home, 'c'), state: join(home, 's'), runtime: join(home, 'r') }
  const address = { host: '127.0.0.1', port: 15_433, database: "sh op's", user: 'hoop' }
  const session = { ...address, connection: 'prod-db', context: 'x', startedAtMs: 1, endsAtMs: 2 }

  test('is the same every time, and the one that was got in the end', () => {
    const first = stickyPort(paths, 'https://a', 'prod-db')
    rememberPort(paths, { server: 'https://a', connection: 'prod-db', port: 20_000 })

    expect(first).toBeGreaterThanOrEqual(15_432)
    expect(stickyPort(paths, 'https://a', 'prod-db')).toBe(20_000)
    expect(stickyPort(paths, 'https://b', 'prod-db')).not.toBe(20_000)
  })

  test('is chosen anew when what was remembered is broken', () => {
    writeFileSync(join(paths.state, 'ports.json'), '{"https://a prod-db": 99999')

    expect(stickyPort(paths, 'https://a', 'prod-db')).toBeLessThan(16_432)
  })

  test('has a folder only its owner can enter, and what a dead process left is removed', () => {
    const files = writeSessionDirectory(
      paths,
      { ...session, session: 'ses_live' },
      { ...address, password: new Secret('p-w_1') },
    )
    const dead = join(paths.runtime, 's', 'ses_dead')
    mkdirSync(dead, { recursive: true })
    const description = { v: 1, pid: 2 ** 22 + 1, session: 'ses_dead', ...session }
    writeFileSync(join(dead, 'session.json'), JSON.stringify(description))

    const [live, ...others] = liveSessions(paths)

    expect(others).toEqual([])
    expect(existsSync(dead)).toBe(false)
    expect(live?.password().reveal()).toBe('p-w_1')
    expect(statSync(files.directory).mode & 0o777).toBe(0o700)
    expect(statSync(files.passFile).mode & 0o777).toBe(0o600)
  })

  test('is written for every kind of client, with its password only where one is given', () => {
    const [live] = liveSessions(paths)
    if (live === undefined) throw new Error('no session')

    expect(sessionAddress(live, 'uri', 'pw')).toBe("postgres://hoop:pw@127.0.0.1:15433/sh%20op's?sslmode=disable")
    expect(sessionAddress(live, 'jdbc', undefined)).toBe(
      "jdbc:postgresql://127.0.0.1:15433/sh%20op's?user=hoop&sslmode=disable",
    )
    expect(sessionAddress(live, 'dsn', undefined)).toContain("dbname='sh op\\'s'")
    expect(sessionAddress(live, 'service', 'pw')).toBe('service=prod-db')
    expect(environmentLines(live, 'shell', undefined)).toContain("export PGDATABASE='sh op'\\''s'")
    for (const format of ['uri', 'jdbc', 'dsn', 'service'] as const) {
      expect(sessionAddress(live, format, undefined)).not.toContain('p-w_1')
    }
  })

  test('a child finds it, and nothing of ours that leads elsewhere', () => {
    const client = { ...address, passFile: '/p', serviceFile: '/s' }
    const own = { PATH: '/bin', PGSERVICE: 'other', PGPASSWORD: 'other', PGHOSTADDR: '10.0.0.1', PGHOST: 'other' }

    expect(childEnvironment(own, client, 'pw')).toEqual({
      PATH: '/bin',
      PGHOST: '127.0.0.1',
      PGPORT: '15433',
      PGUSER: 'hoop',
      PGDATABASE: "sh op's",
      PGPASSFILE: '/p',
      PGSERVICEFILE: '/s',
      PGSSLMODE: 'disable',
      DATABASE_URL: connectionUri(client, 'pw'),
    })
  })
})
