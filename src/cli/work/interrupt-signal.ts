/** Ctrl-C and SIGTERM as something that can be awaited, while it is listened to. */
export interface InterruptSignal {
  /** Its reason is the name of the signal. */
  readonly signal: AbortSignal
  /** Which one came; null: none yet. */
  readonly received: 'SIGINT' | 'SIGTERM' | null
  /** Gives the signals back to the process. */
  stop(): void
}

/** Listens from now on. A second signal ends the process at once. */
export function interruptSignal(): InterruptSignal {
  const controller = new AbortController()
  let received: InterruptSignal['received'] = null
  const interrupt = (signal: 'SIGINT' | 'SIGTERM'): void => {
    if (received !== null) process.exit(signal === 'SIGINT' ? 130 : 143)
    received = signal
    controller.abort(signal)
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  return {
    signal: controller.signal,
    get received() {
      return received
    },
    stop: () => {
      process.off('SIGINT', interrupt)
      process.off('SIGTERM', interrupt)
    },
  }
}
