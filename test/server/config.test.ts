import { expect, test } from 'vitest'
import { AppError } from '../../src/base/app-error.ts'
import { readServerConfig, storeOf } from '../../src/server/config.ts'

const good = `
listen: { host: 127.0.0.1, port: 0 }
tenant: acme
dataDir: ./data
identity:
  people:
    - { sub: ana, email: ana@example.com, name: Ana, groups: [admins] }
`

function refusal(text: string): AppError {
  try {
    readServerConfig(text, '/etc/hoop')
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
  throw new Error('it was accepted')
}

test('what is left out has a default, and paths are relative to the file', () => {
  const config = readServerConfig(good, '/etc/hoop')

  expect(config).toMatchObject({ dataDir: '/etc/hoop/data', roles: {}, approvalForS: 600 })
  expect(storeOf(config)).toEqual({ kind: 'sqlite', file: '/etc/hoop/data/hoop.sqlite' })
})

test.each([
  ['an unknown key', `${good}tennant: acme\n`, 'tennant'],
  ['an unknown key further in', good.replace('port: 0', 'port: 0, hots: x'), 'hots'],
  ['a port that is none', good.replace('port: 0', 'port: 70000'), 'listen.port'],
  ['a role that is none', `${good}roles: { admins: [root] }\n`, 'roles.admins'],
  [
    'the same person twice',
    good.replace('people:', 'people:\n    - { sub: ana, email: b@example.com, name: B, groups: [] }'),
    'identity.people',
  ],
  ['a key written twice', `${good}tenant: other\n`, 'unique'],
  ['no YAML at all', 'listen: {', 'Cannot read server config'],
  ['an empty file', '', 'Cannot read server config'],
])('%s is refused by name', (_what, text, name) => {
  const error = refusal(text)

  expect([error.code, error.exit]).toEqual(['CONFIG_INVALID', 2])
  expect(error.message).toContain(name)
})

test.each(['https://hoop.example.com', 'https://hoop.example.com:8443/', 'http://127.0.0.1:7410', 'http://localhost'])(
  '%s can be the address',
  (url) => {
    expect(readServerConfig(`${good}url: ${url}\n`, '/').url).toBe(url)
  },
)

test.each([
  'http://hoop.example.com',
  'https://hoop.example.com/behind/a/path',
  'https://user:secret@hoop.example.com',
  'https://hoop.example.com/?x=1',
  'ftp://hoop.example.com',
  'javascript:alert(1)',
  'hoop.example.com',
])('%s cannot be the address', (url) => {
  expect(refusal(`${good}url: "${url}"\n`).message).toContain('url')
})

test('the address of a PostgreSQL store is a secret from the start', () => {
  const config = readServerConfig(`${good}store: { kind: postgres, url: "postgresql://hoop:hunter2@db/hoop" }\n`, '/')

  expect(JSON.stringify(config)).not.toContain('hunter2')
  expect(refusal(`${good}store: { kind: postgres, url: "mysql://hoop:hunter2@db/hoop" }\n`).message).not.toContain(
    'hunter2',
  )
})
