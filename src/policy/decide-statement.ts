import type { ColumnRef, Effect, Facts, OutputColumn } from '../engines/engine.ts'
import { type Answer, type Asker, askColumn, askEffect } from './ask.ts'
import type { CompiledPolicy } from './compile.ts'
import type { ClassifiedUse, Decision, Denied, OutputRule, RuleRef } from './decision.ts'
import { basePolicyFile } from './schema.ts'

/** One statement to decide about. `approved`: the review that a rule wanted has been given. */
export interface StatementRequest extends Asker {
  readonly facts: Facts
  readonly approved: boolean
}

/** A statement without effects, such as SELECT 1, is asked about as one that shows something. */
const nothingTouched: Effect = {
  class: 'show',
  object: { kind: 'session', schema: '', name: 'session', id: 0 },
  bounded: true,
  position: 0,
}

/** Decides about one statement. Pure: the same policy, person and facts give the same answer on any machine. */
export function decideStatement(policy: CompiledPolicy, about: Omit<StatementRequest, 'policy'>): Decision {
  const request: StatementRequest = { ...about, policy }
  const { facts } = request
  const classified = classifiedOf(request, facts.columns)
  const effects = facts.effects.length > 0 ? facts.effects : [nothingTouched]
  const permits: RuleRef[] = []
  for (const effect of effects) {
    const answer = askEffect(request, 'run', effect, facts)
    if (!answer.isPermitted) return denyEffect(request, effect, answer, classified)
    permits.push(...answer.rules.map(refOf))
  }
  const unseen = denyUnseen(request, classified)
  if (unseen) return unseen
  const outputs = decideOutputs(request)
  if (outputs !== null && outputs !== 'pass' && facts.copy === 'out' && outputs.some(({ kind }) => kind === 'mask')) {
    const reason = 'COPY cannot mask what it writes yet, and some of these columns are masked for you'
    return deny(request, {
      rule: 'hoop:copy-masked',
      reason,
      fix: 'Use SELECT, or name columns that are not masked',
      classified,
    })
  }
  const allowed = {
    rules: unique(permits),
    policyDigest: request.policy.digest,
    outputs,
    classified,
    isSensitive: isSensitive(request),
  }
  const review = request.approved ? null : reviewOf(request, effects, classified)
  if (review?.verdict === 'deny') return review
  return review ? { ...allowed, ...review } : { ...allowed, verdict: 'allow' }
}

/** What a `no` to `run_unreviewed` means: hold where the rule names approvers, else refuse. */
function reviewOf(
  request: StatementRequest,
  effects: readonly Effect[],
  classified: readonly ClassifiedUse[],
): Denied | { verdict: 'hold'; rules: RuleRef[]; reason: string; approvers: string[]; count: number } | null {
  for (const effect of effects) {
    const answer = askEffect(request, 'run_unreviewed', effect, request.facts)
    if (answer.isPermitted) continue
    const asking = answer.rules.find(({ annotations }) => annotations['approvers'])
    if (!asking || answer.failed.length > 0 || answer.rules.some((rule) => !rule.annotations['approvers'])) {
      return denyEffect(request, effect, answer, classified)
    }
    return {
      verdict: 'hold',
      rules: answer.rules.map(refOf),
      reason: asking.annotations['reason'] ?? `${effect.class} of ${effect.object.name} wants a review`,
      approvers: (asking.annotations['approvers'] ?? '').split(',').map((who) => who.trim()),
      count: Math.max(1, ...answer.rules.map((rule) => Number(rule.annotations['count'] ?? 1) || 1)),
    }
  }
  return null
}

/** Uses of classified columns that are not plain outputs: allowed by a rule, or refused. */
function denyUnseen(request: StatementRequest, classified: readonly ClassifiedUse[]): Denied | null {
  const { facts } = request
  const [finding] = facts.unproven
  if (finding && isSensitive(request)) {
    return deny(request, {
      rule: 'hoop:unproven-lineage',
      reason: `${finding.why}, and a relation it touches has classified columns`,
      fix: 'Select the plain columns; masked ones come back masked',
      classified,
      position: finding.position,
    })
  }
  for (const { column, tags } of classifiedOf(request, facts.filters)) {
    const answer = askColumn(request, 'filter', { column, tags, facts })
    if (answer.isPermitted) continue
    return deny(request, {
      rule: answer.rules[0]?.id ?? 'hoop:filter-classified',
      ref: answer.rules[0] ? refOf(answer.rules[0]) : undefined,
      reason: `${nameOf(column)} is classified (${tags.join(', ')}), and comparing or ordering by it would tell its values`,
      fix: 'Use a column that is not classified, such as a key',
      classified,
    })
  }
  return null
}

function decideOutputs(request: StatementRequest): readonly OutputRule[] | 'pass' | null {
  const { outputs } = request.facts
  if (outputs === null) return null
  // Unproven, and yet here: nothing in scope is classified.
  if (outputs === 'unproven') return 'pass'
  return outputs.map((output) => decideOutput(request, output))
}

function decideOutput(request: StatementRequest, { label }: OutputColumn): OutputRule {
  if (label.kind !== 'copy') return { kind: 'pass' }
  const column = label.source
  const tags = request.policy.classification.tagsOf(request.connection.name, column, column.kin)
  if (tags.length === 0) return { kind: 'pass' }
  const answer = askColumn(request, 'reveal', { column, tags, facts: request.facts })
  const [rule] = answer.rules
  if (answer.isPermitted && rule) return { kind: 'reveal', column, tags, rule: refOf(rule) }
  return { kind: 'mask', column, tags, transform: request.policy.classification.transformOf(tags) }
}

function denyEffect(
  request: StatementRequest,
  effect: Effect,
  answer: Answer,
  classified: readonly ClassifiedUse[],
): Denied {
  const [rule] = answer.rules
  // A rule of the folder speaks for itself; the base policy's speaks for what was not understood.
  const notUnderstood = rule === undefined || rule.file === basePolicyFile ? request.facts.unresolved[0] : undefined
  const what = `${effect.class} of ${effect.object.schema ? `${effect.object.schema}.` : ''}${effect.object.name}`
  const because = answer.failed.length > 0 ? 'a rule could not be evaluated, so nothing is permitted' : undefined
  const owner = rule?.annotations['owner']
  return {
    ...deny(request, {
      rule: rule?.id ?? 'hoop:no-permit',
      ref: rule ? refOf(rule) : undefined,
      reason: because ?? notUnderstood?.why ?? rule?.annotations['reason'] ?? `no rule permits ${what}`,
      fix: rule?.annotations['fix'] ?? undefined,
      classified,
      position: notUnderstood?.position ?? effect.position,
    }),
    ...(owner ? { owner } : {}),
  }
}

interface Denial {
  readonly rule: string
  readonly ref?: RuleRef | undefined
  readonly reason: string
  readonly fix?: string | undefined
  readonly classified: readonly ClassifiedUse[]
  readonly position?: number
}

function deny(request: StatementRequest, denial: Denial): Denied {
  return {
    verdict: 'deny',
    rules: [denial.ref ?? { id: denial.rule, file: 'hoop', line: 0 }],
    policyDigest: request.policy.digest,
    reason: denial.reason,
    ...(denial.fix ? { fix: denial.fix } : {}),
    classified: denial.classified,
    position: denial.position ?? 0,
  }
}

function classifiedOf(request: StatementRequest, columns: readonly ColumnRef[]): ClassifiedUse[] {
  return columns.flatMap((column) => {
    const tags = request.policy.classification.tagsOf(request.connection.name, column, column.kin)
    return tags.length > 0 ? [{ column, tags }] : []
  })
}

/** Some column of some relation in scope is classified, whether the statement names it or not. */
function isSensitive({ policy, connection, facts }: StatementRequest): boolean {
  return facts.relations.some(({ schema, name, columns }) =>
    columns.some((column) => policy.classification.tagsOf(connection.name, { schema, table: name, column }).length > 0),
  )
}

function refOf({ id, file, line }: RuleRef): RuleRef {
  return { id, file, line }
}

function unique(rules: readonly RuleRef[]): RuleRef[] {
  return [...new Map(rules.map((rule) => [rule.id, rule])).values()]
}

function nameOf({ schema, table, column }: ColumnRef): string {
  return `${schema}.${table}.${column}`
}
