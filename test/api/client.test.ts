import { expect, test } from 'vitest'
import { getAuditRecord, searchAudit } from '../../src/api/audit.ts'
import { createApiClient, type HttpReply, type HttpRequest } from '../../src/api/client.ts'
import { getDiscovery, getMe } from '../../src/api/server.ts'

function clientThatGets(reply: HttpReply) {
  const sent: HttpRequest[] = []
  const send = async (request: HttpRequest): Promise<HttpReply> => {
    sent.push(request)
    return reply
  }
  return { sent, client: createApiClient('https://hoop.example', send, async () => 'Bearer t') }
}

const me = { sub: 'u1', email: 'ana@example.com', name: 'Ana', groups: ['developers'], roles: [] }

test('a reply of the right shape is returned', async () => {
  const { client } = clientThatGets({ status: 200, body: JSON.stringify(me) })

  expect(await client.call(getMe)).toEqual(me)
})

test('path parameters are escaped and absent filters are left out', async () => {
  const { client, sent } = clientThatGets({ status: 404, body: '' })
  await client.call(getAuditRecord, { params: { id: '../../evil?x' } }).catch(() => undefined)
  await client.call(searchAudit, { query: { who: 'a&b', rule: undefined } }).catch(() => undefined)

  expect(sent.map(({ url }) => url)).toEqual([
    'https://hoop.example/v1/audit/records/..%2F..%2Fevil%3Fx',
    'https://hoop.example/v1/audit/records?who=a%26b',
  ])
})

test('a route without authentication sends no token', async () => {
  const { client, sent } = clientThatGets({ status: 500, body: '' })
  await client.call(getDiscovery).catch(() => undefined)

  expect(sent[0]?.headers).not.toHaveProperty('authorization')
})

test('a refusal keeps the code, rule and hint of the server', async () => {
  const error = { code: 'POLICY_DENIED', message: 'Cannot run: blocked', rule: 'r1', hint: 'Ask' }
  const { client } = clientThatGets({ status: 403, body: JSON.stringify({ error }) })

  await expect(client.call(getMe)).rejects.toMatchObject({ code: 'POLICY_DENIED', exit: 6, hint: 'Ask' })
})

test.each([
  ['a body of another shape', { status: 200, body: '{"sub":1}' }],
  ['an unknown member', { status: 200, body: JSON.stringify({ ...me, admin: true }) }],
  ['a page instead of JSON', { status: 200, body: '<html>a portal</html>' }],
  ['a code nobody knows', { status: 400, body: '{"error":{"code":"NEW","message":"m"}}' }],
])('%s is not trusted', async (_what, reply) => {
  await expect(clientThatGets(reply).client.call(getMe)).rejects.toMatchObject({ code: 'SERVER_MISTRUSTED', exit: 11 })
})

test('a gateway that cannot reach the server means that the server is out of reach', async () => {
  const { client } = clientThatGets({ status: 502, body: '<html>bad gateway</html>' })

  await expect(client.call(getMe)).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' })
})
