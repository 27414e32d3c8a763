import { AppError } from './app-error.ts'

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/**
 * Milliseconds of a text such as `500ms`, `30s`, `10m`, `8h` or `7d`.
 * @throws AppError `USAGE` when it is not a whole number and one of these units
 */
export function parseDurationMs(text: string): number {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text)
  if (!match) {
    throw new AppError('USAGE', `Cannot read duration "${text}"`, { hint: 'Write a number and a unit: 30s, 10m, 8h' })
  }
  const unit = match[2] as keyof typeof unitMs
  return Number(match[1]) * unitMs[unit]
}
