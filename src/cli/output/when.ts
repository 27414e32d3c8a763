/** Times for people: relative while that says more, the date beyond a week. Programs get ISO 8601. */
export function relativeTime(atMs: number, nowMs: number): string {
  const seconds = Math.round(Math.abs(nowMs - atMs) / 1000)
  const amount = amountOf(seconds)
  if (amount === null) return isoTime(atMs).slice(0, 10)
  return atMs > nowMs ? `in ${amount}` : `${amount} ago`
}

/** How long is left of something, as `9:41`, or `2:05:00` from an hour on. */
export function timeLeft(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  const rest = String(seconds % 60).padStart(2, '0')
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`
}

/** The instant in UTC, with its zone. */
export function isoTime(atMs: number): string {
  return new Date(atMs).toISOString()
}

/** The time of day where the reader is. */
export function clockTime(atMs: number): string {
  const at = new Date(atMs)
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
}

function amountOf(seconds: number): string | null {
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`
  return seconds < 7 * 86_400 ? `${Math.floor(seconds / 86_400)} d` : null
}
