import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LocalPostgres, startLocalPostgres } from '../../src/demo/local-postgres.ts'
import { seedShop } from '../../src/demo/seed-shop.ts'
import { type HoopHome, newHoopHome, type Running } from '../support/hoop-process.ts'

/** A server of one's own, set up with the commands alone: init, start, login with a password, policy, connection, exec. */
let postgres: LocalPostgres
let home: HoopHome
let server: Running | undefined

beforeAll(async () => {
  postgres = await startLocalPostgres()
  await seedShop(postgres)
  home = newHoopHome()
})

afterAll(async () => {
  server?.child.kill('SIGTERM')
  await server?.ended
  await postgres?.stop()
  home?.remove()
})

test('from an empty folder to a masked row, and a clean stop', async () => {
  const config = join(home.directory, 'server.yaml')
  const init = await home.run(['server', 'init', config])
  const password = /password (\S+)/.exec(init.stderr)?.[1] ?? ''
  writeFileSync(
    config,
    readFileSync(config, 'utf8')
      .replace('port: 7410', 'port: 0')
      .replace('groups: [admins]', 'groups: [admins, developers]'),
  )
  server = home.start(['server', 'start', '--config', config])
  const [, url = ''] = await server.says(/answers at (http:\/\/\S+?)\.? /)

  expect(await logIn(url, 'admin@example.com', 'not the password')).toMatchObject({
    page: expect.stringContaining('do not fit'),
  })
  expect((await logIn(url, 'admin@example.com', password)).exit).toBe(0)

  expect(await home.run(['policy', 'push', join(import.meta.dirname, '../../src/demo/policies')])).toMatchObject({
    exit: 0,
  })
  writeFileSync(join(home.directory, 'secret'), postgres.password.reveal(), { mode: 0o600 })
  const where = [
    '--host',
    postgres.host,
    '--port',
    String(postgres.port),
    '--database',
    'shop',
    '--env',
    'prod',
    '--sslmode',
    'disable',
  ]
  const role = [
    '--admin-user',
    'postgres',
    '--template',
    'shop_work',
    '--password-file',
    join(home.directory, 'secret'),
  ]
  expect(await home.run(['admin', 'connection', 'create', 'prod-db', ...where, ...role])).toMatchObject({ exit: 0 })
  const rows = await home.run(['exec', 'prod-db', '-o', 'csv', '--', 'select id, email from customers where id = 1'])
  expect(rows).toMatchObject({ exit: 0, stdout: 'id,email\n1,r•••@example.org\n' })

  server.child.kill('SIGTERM')
  expect((await server.ended).exit).not.toBe(1)
})

test('a typo in the configuration is named, and nothing starts', async () => {
  const config = join(home.directory, 'typo.yaml')
  await home.run(['server', 'init', config])
  writeFileSync(config, readFileSync(config, 'utf8').replace('dataDir:', 'datadir:'))

  expect(await home.run(['server', 'start', '--config', config])).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining('datadir'),
  })
})

test('a database that does not answer is exit 10, with nothing run', async () => {
  const config = join(home.directory, 'other.yaml')
  const init = await home.run(['server', 'init', config])
  const password = /password (\S+)/.exec(init.stderr)?.[1] ?? ''
  writeFileSync(
    config,
    readFileSync(config, 'utf8')
      .replace('port: 7410', 'port: 0')
      .replace('./hoop-data', './other-data')
      .replace('groups: [admins]', 'groups: [admins, developers]'),
  )
  const other = home.start(['server', 'start', '--config', config])
  const [, url = ''] = await other.says(/answers at (http:\/\/\S+?)\.? /)
  await logIn(url, 'admin@example.com', password)
  await home.run(['policy', 'push', join(import.meta.dirname, '../../src/demo/policies')])
  writeFileSync(join(home.directory, 'any'), 'any', { mode: 0o600 })
  const where = ['--host', '127.0.0.1', '--port', '9', '--database', 'shop', '--env', 'prod', '--sslmode', 'disable']
  const role = ['--user', 'somebody', '--password-file', join(home.directory, 'any')]
  await home.run(['admin', 'connection', 'create', 'prod-db', ...where, ...role])

  const ended = await home.run(['exec', 'prod-db', '-o', 'json', '--', 'select 1'])

  expect(ended.exit).toBe(10)
  expect(JSON.parse(ended.stderr)).toMatchObject({ error: { code: 'DATABASE_UNREACHABLE', ran: 'nothing' } })
  other.child.kill('SIGTERM')
  await other.ended
})

/** `hoop login`, with a script that fills in the form. */
async function logIn(
  url: string,
  email: string,
  password: string,
): Promise<{ readonly exit: number | null; readonly page: string }> {
  const login = home.start(['login', url, '--no-browser', '--store', 'plaintext'])
  const [, address = ''] = await login.says(/(http:\/\/\S+\/oidc\/auth\?\S+)/)
  const cookies = new Map<string, string>()
  let request: Request | undefined = new Request(address)
  let page = ''
  while (request) {
    const jar = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const reply: Response = await fetch(request, {
      redirect: 'manual',
      headers: { ...Object.fromEntries(request.headers), cookie: jar },
    })
    for (const line of reply.headers.getSetCookie())
      cookies.set(line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1, line.indexOf(';')))
    const location = reply.headers.get('location')
    if (location) {
      request = new Request(new URL(location, request.url))
      continue
    }
    page = await reply.text()
    const action = /action="([^"]+)"/.exec(page)?.[1]
    if (reply.status === 401 || !action) break
    const form: Record<string, string> = page.includes('type="password"') ? { email, password } : { consent: 'yes' }
    request = new Request(new URL(action, request.url), { method: 'POST', body: new URLSearchParams(form) })
  }
  if (page.includes('do not fit')) login.child.kill('SIGINT')
  return { exit: (await login.ended).exit, page }
}
