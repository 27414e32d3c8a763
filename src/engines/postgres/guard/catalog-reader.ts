import { serialize } from 'pg-protocol'
import { buildSnapshot } from '../catalog/build-snapshot.ts'
import { catalogQueries } from '../catalog/queries.ts'
import type { Core } from './core.ts'
import type { Ask } from './ledger.ts'

/** Reads the catalog over the client's own upstream connection: the same role, the same database, no second login. */
export function readCatalog(core: Core, done: (failed: string | null) => void): void {
  const asks: Ask[] = []
  const settle = (ask: Ask): void => {
    asks.push(ask)
    if (asks.length < catalogQueries.length) return
    const failed = asks.find((each) => each.failed !== null)?.failed ?? null
    if (failed === null) {
      const epoch = `${core.ports.clock.nowMs()}-${core.recorder.newEvent()}`
      core.ports.catalog.store(
        buildSnapshot(
          asks.map(({ rows }) => rows),
          epoch,
        ),
      )
    }
    done(failed)
  }
  for (const query of catalogQueries) {
    core.outbox.send('server', serialize.query(query), 0)
    core.ledger.expect({ kind: 'ask', ask: { rows: [], done: settle, failed: null } })
  }
}
