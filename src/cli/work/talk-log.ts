import type { Log } from '../../base/ports.ts'

/** The log of a command: what matters goes to its talk, the rest only with --debug. Fields are told by name and value. */
export function talkLog(say: (line: string) => void, isDebug: boolean): Log {
  const write = (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
    const told = Object.entries(fields).map(([name, value]) => `${name}: ${describe(value, isDebug)}`)
    say([`  ${message}`, ...told].join(', '))
  }
  const never = (): void => undefined
  return { debug: isDebug ? write : never, info: isDebug ? write : never, warn: write, error: write }
}

/** Never the insides of an object: they may hold what is nobody's business. */
function describe(value: unknown, isDebug: boolean): string {
  if (value instanceof Error) return isDebug ? (value.stack ?? value.message) : value.message
  return typeof value === 'object' && value !== null ? '…' : String(value)
}
