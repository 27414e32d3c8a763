/** Wakes whoever follows a request when this process has changed it. Another replica's change is found by looking again. */
export interface ApprovalNews {
  changed(request: string): void
  /** Resolves when the request has changed here, or after `forMs`. */
  wait(request: string, forMs: number): Promise<void>
}

export function createApprovalNews(): ApprovalNews {
  const waiting = new Map<string, Set<() => void>>()
  return {
    changed(request) {
      for (const wake of waiting.get(request) ?? []) wake()
    },
    wait(request, forMs) {
      return new Promise((resolve) => {
        const others = waiting.get(request) ?? new Set()
        const wake = (): void => {
          clearTimeout(timer)
          others.delete(wake)
          if (others.size === 0 && waiting.get(request) === others) waiting.delete(request)
          resolve()
        }
        const timer = setTimeout(wake, forMs)
        others.add(wake)
        waiting.set(request, others)
      })
    },
  }
}
