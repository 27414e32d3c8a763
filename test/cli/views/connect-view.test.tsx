import { render } from 'ink-testing-library'
import { expect, test } from 'vitest'
import { ConnectView, type ConnectViewState } from '../../../src/cli/views/connect-view.tsx'

const base: ConnectViewState = {
  lines: [{ text: '15:04:11 SELECT orders  120 rows', tone: 'plain' }],
  session: { connection: 'prod-db', endsAtMs: 65_000 },
  statements: 1,
  waiting: 0,
}

test('shows what was said, and below it how long the session has left', () => {
  const { lastFrame, unmount } = render(<ConnectView state={base} nowMs={() => 0} />)

  expect(lastFrame()).toMatch(/SELECT orders {2}120 rows\n[\s\S]*prod-db {2}1:05 left {2}1 statement/)
  unmount()
})

test('says in words what waits for an approval', () => {
  const { lastFrame, unmount } = render(<ConnectView state={{ ...base, statements: 2, waiting: 1 }} nowMs={() => 0} />)

  expect(lastFrame()).toContain('2 statements')
  expect(lastFrame()).toContain('1 waiting for approval')
  unmount()
})

test('before the port is open there is nothing to say about it', () => {
  const { lastFrame, unmount } = render(<ConnectView state={{ ...base, session: null }} nowMs={() => 0} />)

  expect(lastFrame()).not.toContain('left')
  unmount()
})
