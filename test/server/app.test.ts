import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { systemClock, systemRandom } from '../../src/identity/system-clock.ts'
import { startServer } from '../../src/server/app.ts'
import { readServerConfig } from '../../src/server/config.ts'
import { keptLog } from '../support/shop.ts'
import { signIn, startTestServer } from './support/test-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'hoop-test-app-'))
const ports = { clock: systemClock, random: systemRandom, log: keptLog(), version: 'test', signIn, isDemo: false }

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function config(name: string, listen: { host: string; port: number }, more: object = {}) {
  const dataDir = join(folder, name)
  return readServerConfig(JSON.stringify({ listen, tenant: 't', dataDir, identity: { people: [] }, ...more }), '/')
}

test('a server that nobody could sign in to does not start', async () => {
  const starting = startServer(config('nobody', { host: '127.0.0.1', port: 0 }), { ...ports, signIn: undefined })

  await expect(starting).rejects.toMatchObject({ code: 'CONFIG_INVALID', exit: 2 })
})

test('a port in use is named, and whoever holds it is left alone', async () => {
  const first = await startTestServer()
  onTestFinished(() => first.stop())
  const port = Number(new URL(first.url).port)

  await expect(startServer(config('second', { host: '127.0.0.1', port }), ports)).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    message: `Cannot listen on 127.0.0.1:${port}: the port is in use`,
  })
  expect((await fetch(`${first.url}/healthz`)).status).toBe(200)
})

test('a start that fails gives its port back', async () => {
  const wanted = config('bad-key', { host: '127.0.0.1', port: await freePort() })
  const good = await startServer(wanted, ports)
  await good.close()
  writeFileSync(join(wanted.dataDir, 'server.key'), 'nonsense')

  await expect(startServer(wanted, ports)).rejects.toMatchObject({ code: 'LOCAL_STATE' })
  await expect(canListen(wanted.listen.port)).resolves.toBe(true)
})

test('many servers that start at once on any port each get one of their own', async () => {
  const servers = await Promise.all(
    [1, 2, 3, 4].map((n) => startServer(config(`n${n}`, { host: '127.0.0.1', port: 0 }), ports)),
  )
  const issuers = await Promise.all(
    servers.map(async ({ url }) => ((await (await fetch(`${url}/v1/discovery`)).json()) as { issuer: string }).issuer),
  )
  await Promise.all(servers.map((server) => server.close()))

  expect(issuers).toEqual(servers.map(({ url }) => `${url}/oidc`))
  expect(new Set(issuers).size).toBe(4)
})

test('behind a proxy, everything it names is at its own address, and its cookies are for TLS', async () => {
  const proxied = await freePort()
  const server = await startServer(
    config('proxied', { host: '127.0.0.1', port: proxied }, { url: 'https://hoop.example.com' }),
    ports,
  )
  const discovered = await fetch(`http://127.0.0.1:${proxied}/oidc/.well-known/openid-configuration`)
  const endpoints = Object.entries((await discovered.json()) as Record<string, unknown>).filter(([key]) =>
    /(_endpoint|_uri|^issuer)$/.test(key),
  )
  const query = new URLSearchParams({
    client_id: 'hoop-cli',
    response_type: 'code',
    scope: 'openid api',
    redirect_uri: 'http://127.0.0.1:1/callback',
    code_challenge: 'x'.repeat(43),
    code_challenge_method: 'S256',
    resource: 'https://hoop.example.com/v1',
  })
  const begun = await fetch(`http://127.0.0.1:${proxied}/oidc/auth?${query}`, { redirect: 'manual' })
  await server.close()

  expect(endpoints.length).toBeGreaterThan(3)
  for (const [, address] of endpoints) expect(address).toMatch(/^https:\/\/hoop\.example\.com\/oidc/)
  expect(begun.status).toBe(303)
  for (const cookie of begun.headers.getSetCookie()) expect(cookie).toMatch(/; secure/i)
})

test('closing answers the request that is under way, and takes no other', async () => {
  const server = await startTestServer()
  onTestFinished(() => server.stop())
  const { accessToken } = await server.logIn('root')
  const body = '{"files":{}}'
  const port = Number(new URL(server.url).port)
  const socket = connect(port, '127.0.0.1')
  const answer = new Promise<string>((resolve) => {
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
    })
    socket.on('close', () => resolve(text))
  })
  socket.write(
    `PUT /v1/policy HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${accessToken}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 4)}`,
  )
  await new Promise((resolve) => setTimeout(resolve, 200))
  const stopping = server.stop()
  await new Promise((resolve) => setTimeout(resolve, 100))
  await expect(fetch(`${server.url}/healthz`)).rejects.toThrow()
  socket.write(body.slice(4))

  expect(await answer).toMatch(/^HTTP\/1\.1 200 [\s\S]*"version":1/)
  await stopping
})

test('a client that never finishes does not keep a server from closing', async () => {
  const server = await startTestServer()
  onTestFinished(() => server.stop())
  const port = Number(new URL(server.url).port)
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ')
  await new Promise((resolve) => setTimeout(resolve, 100))
  const begin = performance.now()
  await server.stop()

  expect(performance.now() - begin).toBeLessThan(6_000)
  socket.destroy()
})

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}

function canListen(port: number): Promise<boolean> {
  const probe = createServer()
  return new Promise((resolve) => {
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
