import { execFileSync, spawn } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listApprovals, voteApproval } from '../../src/api/approval.ts'
import { eventually, type OpenShopTunnel, type Shop, startShop } from '../support/shop.ts'

/** The real psql, where it is installed. */
const hasPsql = isInstalled('psql')
if (!hasPsql) process.stderr.write('SKIPPED: psql is not installed, so nothing is tried with it\n')

describe.skipIf(!hasPsql)('psql', () => {
  let shop: Shop
  let opened: OpenShopTunnel

  beforeAll(async () => {
    shop = await startShop()
    opened = await shop.connect()
  })
  afterAll(() => shop?.stop())

  const psql = (...args: readonly string[]): Promise<Said> => run(opened, args)

  test('shows masked rows', async () => {
    const { stdout } = await psql('-Atc', 'select id, email from customers where id = 1')

    expect(stdout).toBe('1|r•••@example.org\n')
  })

  test.each([
    '\\d',
    '\\d customers',
    '\\d+ order_summary',
    '\\dt+',
    '\\dv',
    '\\di',
    '\\dn',
    '\\df',
    '\\du',
    '\\dT',
    '\\dp',
    '\\sv order_summary',
  ])('%s works', async (command) => {
    const { exit, stderr } = await psql('-c', command)

    expect([exit, stderr]).toEqual([0, ''])
  })

  test('prints a refusal with its rule and next step, and goes on', async () => {
    const { stdout, stderr } = await psql('-At', '-c', 'drop table orders', '-c', 'select 1')

    expect(stderr).toMatch(/ERROR: {2}hoop: blocked by rule "no-ddl"[\s\S]*HINT: {2}put it into a migration/)
    expect(stdout).toBe('1\n')
  })

  test('prints the request at once while its statement waits, and the answer when it is approved', async () => {
    const approver = await shop.as('approver')
    const running = psql('-c', 'update employees set salary = 70000 where id = 9')
    const request = await eventually(async () => {
      const { approvals } = await approver.api.call(listApprovals, { query: { state: 'pending' } })
      return approvals[0]
    })
    await approver.api.call(voteApproval, { params: { id: request.id }, body: { vote: 'approve', reason: '' } })
    const { stdout, stderr } = await running

    expect(stderr).toContain(`NOTICE:  hoop: waiting for approval ${request.id}`)
    expect(stdout).toBe('UPDATE 1\n')
  })

  test('takes a waiting statement back on Ctrl-C', async () => {
    const developer = await shop.as('developer')
    const child = start(opened, ['-c', 'update employees set salary = 1 where id = 9'])
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    const ended = new Promise((resolve) => child.once('close', resolve))
    await eventually(() => stderr.includes('waiting for approval') && true)
    child.kill('SIGINT')
    await ended
    const request = /req_[0-9A-Z]+/.exec(stderr)?.[0]

    expect(stderr).toContain('taken back')
    await eventually(async () => {
      const { approvals } = await developer.api.call(listApprovals, { query: { state: 'withdrawn' } })
      return approvals.some(({ id }) => id === request)
    })
    const direct = await shop.direct()
    expect((await direct.query('select salary from employees where id = 9')).rows[0].salary).not.toBe(1)
  })

  test('cancels what the database is doing on Ctrl-C', async () => {
    const child = start(opened, ['-c', 'select count(*) from orders a, orders b, orders c'])
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    const ended = new Promise((resolve) => child.once('close', resolve))
    await new Promise((resolve) => setTimeout(resolve, 700))
    child.kill('SIGINT')
    await ended

    expect(stderr).toContain('canceling statement due to user request')
  })

  test('copies an unclassified table out, and rows in', async () => {
    const out = await psql('-c', '\\copy (select id, total from orders where id < 4 order by id) to stdout csv')
    const copiedIn = await run(
      opened,
      ['-c', '\\copy payments from stdin csv'],
      '90001,1,1.00,4242424242424242,2026-01-01\n',
    )

    expect(out.stdout.split('\n')).toHaveLength(4)
    expect(copiedIn.stdout).toBe('COPY 1\n')
  })
})

interface Said {
  readonly exit: number | null
  readonly stdout: string
  readonly stderr: string
}

function start(opened: OpenShopTunnel, args: readonly string[]) {
  return spawn('psql', ['-X', '-h', '127.0.0.1', '-p', String(opened.port), '-U', 'hoop', 'shop', ...args], {
    env: { ...process.env, PGPASSWORD: opened.tunnel.password.reveal(), PGSSLMODE: 'prefer', PAGER: '' },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
}

async function run(opened: OpenShopTunnel, args: readonly string[], input = ''): Promise<Said> {
  const child = start(opened, args)
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  child.stdin.end(input)
  const exit = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { exit, stdout, stderr }
}

function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
