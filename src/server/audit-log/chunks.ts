/** Rows for one INSERT: neither store takes any number of parameters. */
const rowsAtOnce = 500

export function chunksOf<T>(items: readonly T[]): readonly (readonly T[])[] {
  const count = Math.ceil(items.length / rowsAtOnce)
  return Array.from({ length: count }, (_, at) => items.slice(at * rowsAtOnce, (at + 1) * rowsAtOnce))
}
