import type { Decision, Denied } from '../../../policy/decision.ts'
import type { AnalysedStatement, Facts } from '../../engine.ts'
import type { Core } from './core.ts'
import { plainRefusal, type Refusal } from './refusal.ts'

/** One statement of a text, and what was decided about it. */
export interface Judged {
  readonly text: string
  readonly facts: Facts
  readonly decision: Decision
}

/** What a text comes to. */
export type Judgement =
  /** No statement in it: blank, or comments. */
  | { readonly kind: 'empty' }
  | { readonly kind: 'judged'; readonly statements: readonly Judged[] }
  /** Refused before it could be judged; there is nothing to record but the text. */
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** The snapshot may be older than a name in it: read the catalog and judge again. */
  | { readonly kind: 'stale' }
  /** It names what is still under way: judge again when the server has answered. */
  | { readonly kind: 'busy' }

/** Facts of a text that could not be read: nothing is known of it, so everything must be assumed. */
export const noFacts: Facts = {
  verb: 'UNKNOWN',
  effects: [],
  outputs: null,
  filters: [],
  columns: [],
  relations: [],
  unresolved: [],
  unproven: [],
  transaction: 'none',
  session: { kind: 'none' },
  copy: 'none',
  changesCatalog: false,
  missesNames: false,
}

/** Judges a whole text. `mayRefresh`: the catalog has not been read again for it yet. */
export function judge(core: Core, sql: string, mayRefresh: boolean): Judgement {
  const standing = core.ports.standing()
  if (standing.kind === 'paused') return { kind: 'refused', refusal: plainRefusal(standing.reason, standing.hint) }
  const snapshot = core.ports.catalog.current()
  if (mayRefresh && (!snapshot || core.ports.catalog.isAged())) return { kind: 'stale' }
  if (!snapshot) return { kind: 'refused', refusal: noCatalog }
  const analysis = core.ports.analyse(sql, snapshot)
  if (analysis.kind === 'syntax') {
    const { message, position } = analysis.problem
    const decision = builtInDenial({ rule: 'hoop:syntax', reason: message, fix: 'Correct the statement', position })
    return { kind: 'judged', statements: [{ text: sql, facts: noFacts, decision }] }
  }
  if (analysis.statements.length === 0) return { kind: 'empty' }
  if (mayRefresh && analysis.statements.some(({ facts }) => facts.missesNames)) return { kind: 'stale' }
  if (!core.ledger.isEmpty && analysis.statements.some(({ facts }) => usesNames(facts))) return { kind: 'busy' }
  return { kind: 'judged', statements: analysis.statements.map((statement) => judgeOne(core, statement)) }
}

/** A denial by the guard itself, worded and recorded like one by a rule. */
export function builtInDenial(denial: { rule: string; reason: string; fix: string; position: number }): Denied {
  return {
    verdict: 'deny',
    rules: [{ id: denial.rule, file: 'hoop', line: 0 }],
    policyDigest: '',
    reason: denial.reason,
    fix: denial.fix,
    classified: [],
    position: denial.position,
  }
}

const noCatalog = plainRefusal(
  'the catalog of the database could not be read, so nothing can be decided',
  'Try again; if it stays so, ask whoever runs the database',
)

function judgeOne(core: Core, { text, facts }: AnalysedStatement): Judged {
  const known = usesNames(facts) ? behindName(core, facts) : facts
  if (!known) {
    const reason = 'it names a prepared statement or cursor that is not known'
    const fix = 'Prepare or declare it first, in a message of its own'
    return { text, facts, decision: builtInDenial({ rule: 'hoop:unknown-name', reason, fix, position: 0 }) }
  }
  return { text, facts: known, decision: core.ports.decide(known, false) }
}

function usesNames(facts: Facts): boolean {
  return facts.session.kind === 'execute' || facts.session.kind === 'fetch'
}

/** Facts of what an EXECUTE or FETCH really runs; undefined when nobody knows. */
function behindName(core: Core, facts: Facts): Facts | undefined {
  const { session } = facts
  const { statements, cursors, portals } = core.registry
  if (session.kind === 'execute') {
    const statement = statements.get(session.name)
    const body = statement?.body ?? (statement ? factsOfText(core, statement.sql) : undefined)
    return body && { ...body, verb: facts.verb, session, unresolved: [...facts.unresolved, ...body.unresolved] }
  }
  if (session.kind !== 'fetch') return undefined
  const body = cursors.get(session.name) ?? portals.get(session.name)?.judged?.facts
  const outputs = facts.verb === 'MOVE' ? null : (body?.outputs ?? null)
  return body && { ...body, verb: facts.verb, session, outputs, unresolved: [...facts.unresolved, ...body.unresolved] }
}

function factsOfText(core: Core, sql: string): Facts | undefined {
  const snapshot = core.ports.catalog.current()
  const analysis = snapshot ? core.ports.analyse(sql, snapshot) : undefined
  return analysis?.kind === 'statements' && analysis.statements.length === 1 ? analysis.statements[0]?.facts : undefined
}
