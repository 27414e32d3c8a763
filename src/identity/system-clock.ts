import { randomFillSync } from 'node:crypto'
import type { Clock, Random } from '../base/ports.ts'

/** The clock of this machine. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}

/** The operating system's randomness. */
export const systemRandom: Random = {
  bytes: (size) => randomFillSync(new Uint8Array(size)),
}
