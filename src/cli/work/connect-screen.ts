import { safeForTerminal } from '../../base/terminal-text.ts'
import type { Tone } from '../terminal.ts'
import { drawConnectView } from '../views/connect-view.tsx'
import type { SessionEvent } from './session-events.ts'

/** What `hoop connect` draws on a terminal, fed with lines and events. */
export interface ConnectScreen {
  say(line: string, tone?: Tone): void
  onEvent(event: SessionEvent): void
  close(): void
}

export function openConnectScreen(stream: NodeJS.WriteStream): ConnectScreen {
  const view = drawConnectView(stream)
  const waiting = new Set<string>()
  return {
    say: (line, tone = 'plain') =>
      view.update((state) => ({ ...state, lines: [...state.lines, { text: safeForTerminal(line), tone }] })),
    onEvent(event) {
      if (event.event === 'ready') {
        const session = { connection: event.connection, endsAtMs: Date.parse(event.endsAt) }
        view.update((state) => ({ ...state, session }))
      }
      if (event.event === 'statement') {
        const isWaiting = event.outcome === 'waiting'
        if (isWaiting) waiting.add(event.id)
        else waiting.delete(event.id)
        view.update((state) => ({
          ...state,
          statements: state.statements + (isWaiting ? 0 : 1),
          waiting: waiting.size,
        }))
      }
    },
    close: () => view.close(),
  }
}
