import { DatabaseError } from 'pg-protocol'
import { describe, expect, test } from 'vitest'
import type { StatementFinished, StatementStarted } from '../../../src/audit/entry.ts'
import { DatabaseRejection } from '../../../src/cli/error-report.ts'
import { execError, type StoppedBy } from '../../../src/cli/work/exec-error.ts'
import { StatementWatch } from '../../../src/cli/work/statement-watch.ts'

const started: StatementStarted = {
  kind: 'statement.started',
  v: 1,
  id: 'evt_1',
  session: 'ses_1',
  atMs: 0,
  actor: { kind: 'user', sub: 's', email: 'a@b.c' },
  connection: 'prod-db',
  reason: '',
  ticket: '',
  client: { number: 1, application: 'hoop exec', backendPid: 1 },
  protocol: 'extended',
  sql: 'update t set a = 1 where id = 1',
  verb: 'UPDATE',
  params: [],
  effects: [{ class: 'update', object: 'public.t' }],
  columns: [],
  inTransaction: false,
  verdict: 'allowed',
  rules: [{ id: 'r', file: 'p.cedar', line: 3 }],
  why: '',
  policyDigest: 'd',
  masked: [],
  revealed: [],
  request: '',
}

const reading = { effects: [{ class: 'read' as const, object: 'public.t' }], verb: 'SELECT' }

function finished(outcome: StatementFinished['outcome'], sqlstate = ''): StatementFinished {
  const counts = { rowsReturned: 0, rowsAffected: 0, bytesReturned: 0, durationMs: 1 }
  return { kind: 'statement.finished', v: 1, id: 'evt_1', session: 'ses_1', atMs: 1, outcome, sqlstate, ...counts }
}

function watching(...entries: (StatementStarted | StatementFinished)[]): StatementWatch {
  const watch = new StatementWatch()
  for (const entry of entries) watch.see(entry)
  return watch
}

function databaseError(code: string, message: string, severity = 'ERROR'): DatabaseError {
  return Object.assign(new DatabaseError(message, message.length, 'error'), { code, severity })
}

function name(error: unknown, watch: StatementWatch, stoppedBy?: StoppedBy) {
  return execError(error, { watch, progress: { index: 0, total: 1, isInTransaction: false }, stoppedBy })
}

describe('a link that breaks', () => {
  test('while a write is under way leaves its outcome unknown, and says where to look', () => {
    const error = name(new Error('Connection terminated unexpectedly'), watching(started))

    expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN', exit: 14 })
    expect(error.hint).toContain('hoop audit show evt_1')
  })

  test('while only reading changed nothing, and may be tried again', () => {
    const error = name(new Error('Connection terminated unexpectedly'), watching({ ...started, ...reading }))

    expect(error).toMatchObject({ code: 'DATABASE_UNREACHABLE', exit: 10 })
  })

  test('before the statement was recorded changed nothing', () => {
    expect(name(new Error('gone'), watching())).toMatchObject({ code: 'DATABASE_UNREACHABLE' })
  })
})

describe('an end of the session', () => {
  const ended = databaseError('57P01', 'terminating connection due to administrator command', 'FATAL')

  test('that the database announced rolls a write back', () => {
    expect(name(ended, watching(started, finished('failed', '57P01')))).toMatchObject({ code: 'STATEMENT_STOPPED' })
  })

  test('that nobody announced to a write leaves its outcome unknown', () => {
    expect(name(ended, watching(started, finished('lost')))).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    expect(name(ended, watching(started))).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  })

  test('stops a read', () => {
    expect(name(ended, watching({ ...started, ...reading }))).toMatchObject({ code: 'STATEMENT_STOPPED', exit: 13 })
  })
})

test('a function that raises our words is not believed to be a rule when its record says it was allowed', () => {
  const forged = databaseError('23505', 'hoop: blocked by rule "x": no. Nothing was run')

  const error = name(forged, watching(started, finished('failed', '23505')))

  expect(error).toBeInstanceOf(DatabaseRejection)
  expect(error).toMatchObject({ code: 'SQL_REJECTED', exit: 3 })
})

test('a record that could not be written is its own failure', () => {
  expect(name(databaseError('58030', 'hoop: the audit store is full'), watching())).toMatchObject({ exit: 15 })
})

test.each([
  ['time', '57014', [started], 'STATEMENT_STOPPED', 13],
  [undefined, '57014', [started], 'STATEMENT_STOPPED', 13],
  ['wait', '57014', [{ ...started, verdict: 'held', request: 'req_1' }], 'APPROVAL_TIMEOUT', 9],
  ['no-wait', '57014', [{ ...started, verdict: 'held', request: 'req_1' }], 'APPROVAL_REQUIRED', 7],
  [
    undefined,
    '57014',
    [{ ...started, verdict: 'held', request: 'req_1' }, finished('not-run', '57014')],
    'APPROVAL_TIMEOUT',
    9,
  ],
  [
    undefined,
    '42501',
    [{ ...started, verdict: 'held', request: 'req_1' }, finished('not-run', '42501')],
    'APPROVAL_REFUSED',
    8,
  ],
  [
    undefined,
    '42501',
    [{ ...started, verdict: 'held', request: '' }, finished('not-run', '42501')],
    'SERVER_UNREACHABLE',
    11,
  ],
] as const)('stopped by %s with %s after these records is %s', (stoppedBy, code, entries, errorCode, exit) => {
  const error = name(databaseError(code, 'hoop: words'), watching(...entries), stoppedBy)

  expect(error).toMatchObject({ code: errorCode, exit })
})
