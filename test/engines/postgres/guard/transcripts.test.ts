import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LocalPostgres, startLocalPostgres } from '../../../../src/demo/local-postgres.ts'
import { seedShop } from '../../../../src/demo/seed-shop.ts'
import { loadParser } from '../../../../src/engines/postgres/sql/parser.ts'
import { compilePolicy } from '../../../../src/policy/compile.ts'
import { Judge } from '../../../../src/proxy/judge.ts'
import * as client from '../../../support/client-messages.ts'
import {
  demoPolicyFiles,
  frozenWorld,
  newGuard,
  Outcome,
  play,
  replay,
  testDocument,
} from '../../../support/guard-driver.ts'

/** Transcripts are taken from a real PostgreSQL, then replayed cut at every byte: the effects must not change. */
let postgres: LocalPostgres
let judge: Judge

beforeAll(async () => {
  await loadParser()
  postgres = await startLocalPostgres()
  await seedShop(postgres)
  judge = new Judge(testDocument, compilePolicy(demoPolicyFiles(), 1), frozenWorld().clock)
  // The first connection reads the catalog; the others share it, which keeps the transcripts short.
  await play(postgres, [client.query('select 1')], judge)
})

afterAll(() => postgres?.stop())

const { query, parse, bind, describePortal, describeStatement, execute, sync } = client

/** Messages sent, and the types of those that must come back (Z after the greeting is the first). */
const transcripts: Readonly<Record<string, { readonly sent: readonly Buffer[]; readonly got: string }>> = {
  'a masked simple query': { sent: [query('select id, email from customers where id < 4 order by id')], got: 'TDDDCZ' },
  'two statements in one message': { sent: [query('select 1; select 2')], got: 'TDCTDCZ' },
  'an empty query': { sent: [query('  ')], got: 'IZ' },
  'a refused simple query, then a good one': { sent: [query('drop table orders'), query('select 1')], got: 'EZTDCZ' },
  'a refusal in a transaction': {
    sent: [query('begin'), query('drop table orders'), query('select 1'), query('rollback')],
    got: 'CZEZEZCZ',
  },
  'queries sent without waiting, one of them refused': {
    sent: [Buffer.concat([query('begin'), query('delete from orders'), query('rollback'), query('select 1')])],
    got: 'CZEZCZTDCZ',
  },
  'an extended query with Describe': {
    sent: [
      Buffer.concat([
        parse('', 'select email from customers where id = $1'),
        bind('', '', ['1']),
        describePortal(''),
        execute(''),
        sync(),
      ]),
    ],
    got: '12TDCZ',
  },
  'an extended query without Describe, in binary': {
    sent: [
      Buffer.concat([
        parse('', 'select email, id from customers where id = $1'),
        bind('', '', ['1'], [1]),
        execute(''),
        sync(),
      ]),
    ],
    got: '12DCZ',
  },
  'a statement described, then run twice': {
    sent: [
      Buffer.concat([parse('s', 'select name from customers where id = $1'), describeStatement('s'), sync()]),
      Buffer.concat([bind('', 's', ['1']), execute(''), sync()]),
      Buffer.concat([bind('', 's', ['2']), execute(''), sync()]),
    ],
    got: '1tTZ2DCZ2DCZ',
  },
  'a portal that is read in parts': {
    sent: [
      Buffer.concat([
        parse('', 'select id, email from customers where id < 6'),
        bind('', ''),
        execute('', 2),
        execute('', 2),
        execute('', 2),
        sync(),
      ]),
    ],
    got: '12DDsDDsDCZ',
  },
  'a refused Parse': {
    sent: [Buffer.concat([parse('', 'drop table orders'), bind('', ''), execute(''), sync()]), query('select 1')],
    got: 'EZTDCZ',
  },
  'a refusal in the middle of a pipeline': {
    sent: [
      Buffer.concat([
        parse('', "update orders set status = 'paid' where id = 5"),
        bind('', ''),
        execute(''),
        parse('', 'drop table orders'),
        bind('', ''),
        execute(''),
        sync(),
      ]),
    ],
    got: '12CEZ',
  },
  'an error of the database in the middle of a pipeline': {
    sent: [
      Buffer.concat([
        parse('', 'select 1/0'),
        bind('', ''),
        execute(''),
        parse('', 'select 1'),
        bind('', ''),
        execute(''),
        sync(),
      ]),
      query('select 1'),
    ],
    // Bind plans, and planning folds 1/0: that is why nothing undecided may get as far as Bind.
    got: '1EZTDCZ',
  },
  'Bind of a statement nobody prepared': { sent: [Buffer.concat([bind('', 'nope'), execute(''), sync()])], got: 'EZ' },
  'a COPY out of an unclassified table': {
    sent: [query('copy (select id from orders where id < 3) to stdout')],
    got: 'HddcCZ',
  },
  'a COPY out of a classified one': { sent: [query('copy customers to stdout')], got: 'EZ' },
  'a function call by OID': { sent: [client.functionCall(1299), query('select 1')], got: 'EZTDCZ' },
  'SQL PREPARE and EXECUTE': {
    sent: [
      query('prepare p as select email from customers where id = $1'),
      query('execute p(1)'),
      query('deallocate p'),
      query('execute p(1)'),
    ],
    got: 'CZTDCZCZEZ',
  },
  'a cursor': {
    sent: [
      query('begin'),
      query('declare c cursor for select email from customers order by id'),
      query('fetch 2 from c'),
      query('commit'),
    ],
    got: 'CZCZTDDCZCZ',
  },
  'SQL EXECUTE of a statement the protocol prepared': {
    sent: [
      Buffer.concat([parse('shared', 'select email from customers where id = 3'), sync()]),
      query('execute shared'),
    ],
    got: '1ZTDCZ',
  },
}

describe.each(Object.entries(transcripts))('%s', (_name, { sent, got }) => {
  test('gets the replies it must, and none shows an address', async () => {
    const { outcome } = await play(postgres, sent, judge)

    expect(outcome.clientTypes.replace(/^K?Z/, '').replace(/^S+/, '')).toBe(got)
    expect(Buffer.concat(outcome.toClient).toString('latin1')).not.toMatch(/\.\d+@example/)
  })

  test('does the same cut at every byte', async () => {
    const { turns } = await play(postgres, sent, judge)
    const whole = replay(turns, judge, Number.MAX_SAFE_INTEGER).summary
    const longest = Math.max(...turns.map(({ bytes }) => bytes.length))

    for (let cut = 1; cut < longest; cut++) expect(replay(turns, judge, cut).summary).toEqual(whole)
  })

  test('answers every Query and Sync with one ReadyForQuery', async () => {
    const { outcome } = await play(postgres, sent, judge)
    const asked = [...Buffer.concat(sent.map(typesOf)).toString()].filter((type) => 'QSF'.includes(type)).length

    expect([...outcome.clientTypes].filter((type) => type === 'Z').length - 1).toBe(asked)
  })
})

test('every statement has a started and a finished record, in that order', async () => {
  const { outcome } = await play(
    postgres,
    [query('select 1; select 2'), query('drop table orders'), query('select 1/0')],
    judge,
  )
  const kinds = outcome.entries.map(({ kind, id }) => `${kind} ${id}`)
  const started = kinds.filter((kind) => kind.startsWith('statement.started'))

  expect(started).toHaveLength(4)
  for (const kind of started) {
    const finished = kinds.indexOf(kind.replace('started', 'finished'))
    expect(finished).toBeGreaterThan(kinds.indexOf(kind))
  }
})

test('nothing of a result is sent ahead of its record', async () => {
  const { turns } = await play(postgres, [query('select id from orders where id < 3')], judge)
  const { guard } = newGuard(judge)
  let recorded = 0
  const wrong: string[] = []
  guard.open()
  for (const { from, bytes } of turns) {
    for (const effect of from === 'client' ? guard.fromClient(bytes) : guard.fromServer(bytes)) {
      if (effect.kind === 'record') recorded = effect.ticket
      if (effect.kind === 'send' && effect.after > recorded) wrong.push('after a record that does not exist')
      if (effect.kind === 'send' && effect.to === 'client' && recorded > 0 && effect.after === 0)
        wrong.push('ahead of its record')
    }
  }

  expect(wrong).toEqual([])
})

test('a held statement is not forwarded, and is taken back by a cancel', () => {
  const { guard } = newGuard(judge)
  const outcome = new Outcome()
  outcome.take(guard.open())
  outcome.take(guard.fromClient(query('update employees set salary = 1 where id = 7')))
  outcome.take(guard.holdOpened(1, { id: 'req_1', url: 'http://x', approveWith: 'hoop approvals approve req_1' }))

  expect(Buffer.concat(outcome.toServer)).toHaveLength(0)
  expect(outcome.clientTypes).toBe('KZN')

  outcome.take(guard.cancel())

  expect(outcome.clientTypes).toBe('KZNEZ')
  expect(outcome.entries.at(-1)).toMatchObject({ kind: 'statement.finished', outcome: 'not-run', sqlstate: '57014' })
})

test('an approval releases exactly the bytes that were held', () => {
  const { guard } = newGuard(judge)
  const outcome = new Outcome()
  const sent = query('update employees set salary = 1 where id = 7')
  outcome.take(guard.open())
  outcome.take(guard.fromClient(Buffer.from(sent)))
  outcome.take(guard.fromClient(query('select 1')))
  outcome.take(guard.holdOpened(1, { id: 'req_1', url: '', approveWith: '' }))
  outcome.take(guard.holdSettled(1, { kind: 'approved', request: 'req_1', approvers: ['a'] }))

  expect(Buffer.concat(outcome.toServer).subarray(0, sent.length)).toEqual(sent)
  expect(outcome.entries.filter((entry) => entry.kind === 'statement.started').map(({ verdict }) => verdict)).toEqual([
    'held',
    'approved',
    'allowed',
  ])
})

test.each([
  ['an unknown message type', client.raw('~', Buffer.alloc(0))],
  ['a length below four', Buffer.from([0x51, 0, 0, 0, 3])],
  ['a length of two gigabytes', Buffer.from([0x42, 0x7f, 0xff, 0xff, 0xff])],
  ['a NUL inside a statement', client.raw('Q', Buffer.from('select 1\0; drop table orders\0'))],
  ['text that is not UTF-8', client.raw('Q', Buffer.from([0x73, 0xff, 0xfe, 0]))],
  ['a Bind that announces more than it holds', client.raw('B', Buffer.from([0, 0, 0, 0, 0x7f, 0xff]))],
])('%s ends the connection with 08P01 and reaches nobody', (_what, bytes) => {
  const { guard } = newGuard(judge)
  const outcome = new Outcome()
  outcome.take(guard.open())
  outcome.take(guard.fromClient(bytes))

  expect(outcome.isClosed).toBe(true)
  expect(Buffer.concat(outcome.toClient).toString()).toContain('08P01')
  expect(outcome.toServer).toHaveLength(0)
})

/** Types of the messages in a buffer, as bytes. */
function typesOf(bytes: Buffer): Buffer {
  const types: number[] = []
  for (let at = 0; at < bytes.length; at += 1 + bytes.readInt32BE(at + 1)) types.push(bytes[at] ?? 0)
  return Buffer.from(types)
}
