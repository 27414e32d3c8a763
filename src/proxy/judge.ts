import type { SessionDocument } from '../api/session.ts'
import type { Clock } from '../base/ports.ts'
import type { Analysis, Facts } from '../engines/engine.ts'
import type { CatalogSnapshot } from '../engines/postgres/catalog/snapshot.ts'
import type { CatalogCell } from '../engines/postgres/guard/port.ts'
import { analyse } from '../engines/postgres/sql/analyse.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { decideStatement } from '../policy/decide-statement.ts'
import type { Decision } from '../policy/decision.ts'
import { BoundedCache } from './bounded-cache.ts'

const maxCachedTexts = 4_096
/** How long a change of the catalog by somebody else can go unseen. */
const maxSnapshotAgeMs = 30_000
/** Longer texts are rarely sent twice, and would fill the memory. */
const maxCachedCharacters = 65_536

/** Reads and decides statements of one session, remembering both: facts by text and snapshot, decisions by facts and policy. */
export class Judge {
  readonly #document: SessionDocument
  readonly #analyses = new BoundedCache<Analysis>(maxCachedTexts)
  #policy: CompiledPolicy
  /** By identity, for texts that are sent again; by content, for texts that differ in their constants alone. */
  #decisions = new WeakMap<Facts, Map<boolean, Decision>>()
  #decisionsByContent = new BoundedCache<Decision>(maxCachedTexts)
  readonly #clock: Clock
  #snapshot: CatalogSnapshot | null = null
  #readAtMs = 0

  /** What the database looks like: shared by all connections of the session, which have one role in one database. */
  readonly catalog: CatalogCell = {
    current: () => this.#snapshot,
    isAged: () => this.#clock.monotonicMs() - this.#readAtMs > maxSnapshotAgeMs,
    store: (snapshot) => {
      this.#snapshot = snapshot
      this.#readAtMs = this.#clock.monotonicMs()
    },
    expire: () => {
      this.#snapshot = null
    },
  }

  constructor(document: SessionDocument, policy: CompiledPolicy, clock: Clock) {
    this.#clock = clock
    this.#document = document
    this.#policy = policy
  }

  get policy(): CompiledPolicy {
    return this.#policy
  }

  /** A newer policy: every statement is decided anew. */
  replace(policy: CompiledPolicy): void {
    this.#policy = policy
    this.#decisions = new WeakMap()
    this.#decisionsByContent = new BoundedCache(maxCachedTexts)
  }

  analyse(sql: string, catalog: CatalogSnapshot): Analysis {
    if (sql.length > maxCachedCharacters) return analyse(sql, catalog)
    const key = `${catalog.epoch}\n${sql}`
    const known = this.#analyses.get(key)
    if (known) return known
    const analysis = analyse(sql, catalog)
    this.#analyses.set(key, analysis)
    return analysis
  }

  decide(facts: Facts, approved: boolean): Decision {
    const known = this.#decisions.get(facts) ?? new Map<boolean, Decision>()
    this.#decisions.set(facts, known)
    const decision = known.get(approved) ?? this.#decideContent(facts, approved)
    known.set(approved, decision)
    return decision
  }

  #decideContent(facts: Facts, approved: boolean): Decision {
    const key = `${approved} ${JSON.stringify(facts)}`
    const known = this.#decisionsByContent.get(key)
    if (known) return known
    const decision = this.#decide(facts, approved)
    this.#decisionsByContent.set(key, decision)
    return decision
  }

  #decide(facts: Facts, approved: boolean): Decision {
    const { principal, connection, reason, ticket, grants } = this.#document
    return decideStatement(this.#policy, {
      principal,
      connection,
      context: { reason, ticket, grants },
      facts,
      approved,
    })
  }
}
