import { Box, render, Static, Text } from 'ink'
import { useEffect, useState } from 'react'
import { timeLeft } from '../output/when.ts'
import type { Tone } from '../terminal.ts'

/** What the live region of `hoop connect` shows: lines that have been said, and below them how the session stands. */
export interface ConnectViewState {
  readonly lines: readonly { readonly text: string; readonly tone: Tone }[]
  /** Null before the port is open. */
  readonly session: { readonly connection: string; readonly endsAtMs: number } | null
  readonly statements: number
  readonly waiting: number
}

const colours: Readonly<Record<Tone, { readonly color?: string; readonly dimColor?: boolean }>> = {
  plain: {},
  good: { color: 'green' },
  bad: { color: 'red' },
  waiting: { color: 'yellow' },
  quiet: { dimColor: true },
}

/** Inline, never the alternate screen: what was said stays in the terminal's own history. */
export function ConnectView({ state, nowMs }: { readonly state: ConnectViewState; readonly nowMs: () => number }) {
  const [shownMs, setShownMs] = useState(nowMs())
  useEffect(() => {
    const timer = setInterval(() => setShownMs(nowMs()), 1_000)
    return () => clearInterval(timer)
  }, [nowMs])
  const { session, statements, waiting } = state
  return (
    <>
      <Static items={[...state.lines]}>
        {({ text, tone }, at) => (
          <Text key={at} {...colours[tone]}>
            {text}
          </Text>
        )}
      </Static>
      {session && (
        <Box gap={2}>
          <Text color="green">● {session.connection}</Text>
          <Text>{timeLeft(Math.max(0, session.endsAtMs - shownMs))} left</Text>
          <Text dimColor>
            {statements} {statements === 1 ? 'statement' : 'statements'}
          </Text>
          {waiting > 0 && <Text color="yellow">⧗ {waiting} waiting for approval</Text>}
          <Text dimColor>Ctrl-C closes</Text>
        </Box>
      )}
    </>
  )
}

/** A drawn view, and how to change what it shows. */
export interface DrawnView {
  update(change: (state: ConnectViewState) => ConnectViewState): void
  close(): void
}

export function drawConnectView(stream: NodeJS.WriteStream): DrawnView {
  let state: ConnectViewState = { lines: [], session: null, statements: 0, waiting: 0 }
  const nowMs = (): number => Date.now()
  const options = { stdout: stream, exitOnCtrlC: false, patchConsole: false }
  const { rerender, unmount } = render(<ConnectView state={state} nowMs={nowMs} />, options)
  return {
    update(change) {
      state = change(state)
      rerender(<ConnectView state={state} nowMs={nowMs} />)
    },
    close: unmount,
  }
}
