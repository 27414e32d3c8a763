import { systemClock } from '../../src/identity/system-clock.ts'
import { Spool } from '../../src/proxy/spool.ts'

/** A process that appends until it is killed, and says on stdout which links it has been told are durable. */
const [directory = '', durability = 'process'] = process.argv.slice(2)
const nothing = (): void => undefined
const spool = Spool.create(
  { stream: 'str_KILLED', session: 'ses_KILLED', server: 'http://127.0.0.1:9', uploadKey: 'k' },
  {
    directory,
    durability: durability === 'power' ? 'power' : 'process',
    maxBytes: 2 ** 30,
    log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
  },
)
spool.listen({ committed: () => process.stdout.write(`${spool.committedSeq}\n`), failed: nothing })
const append = (): void => {
  for (let count = 0; count < 3; count++) {
    spool.append({
      kind: 'session.closed',
      v: 1,
      id: 'evt_X',
      session: 'ses_KILLED',
      atMs: systemClock.nowMs(),
      why: 'client',
    })
  }
  setImmediate(append)
}
append()
