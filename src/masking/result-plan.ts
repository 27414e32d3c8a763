import type { Facts } from '../engines/engine.ts'
import type { OutputRule } from '../policy/decision.ts'
import { type CellMask, cellMask } from './cell-mask.ts'

/** One column of a result as the server describes it (PostgreSQL: RowDescription). */
export interface FieldDescription {
  readonly name: string
  readonly tableOid: number
  readonly attribute: number
  readonly typeOid: number
  readonly typmod: number
  readonly format: 0 | 1
}

/** What happens to the rows of one result. */
export type ResultPlan =
  | { readonly kind: 'pass' }
  | { readonly kind: 'mask'; readonly masks: readonly (CellMask | null)[] }
  /** The server describes another result than the one that was proven: nothing of it may be released. */
  | { readonly kind: 'mismatch'; readonly why: string }

/** The three opinions that must agree: our lineage, the policy's answer, and the server's own description. */
export interface ResultPlanInput {
  readonly facts: Pick<Facts, 'outputs' | 'relations'>
  readonly rules: readonly OutputRule[] | 'pass' | null
  readonly fields: readonly FieldDescription[]
}

/** Chooses the mask of every column, once per result. */
export function planResult({ facts, rules, fields }: ResultPlanInput): ResultPlan {
  const { outputs } = facts
  if (outputs === null || rules === null) return { kind: 'mismatch', why: 'it has rows where none were expected' }
  if (rules === 'pass') return planUnproven(facts, fields)
  if (outputs === 'unproven') return { kind: 'mismatch', why: 'its columns are not proven' }
  if (fields.length !== outputs.length || rules.length !== outputs.length) {
    return { kind: 'mismatch', why: `it has ${fields.length} columns where ${outputs.length} were expected` }
  }
  for (const [at, field] of fields.entries()) {
    const expected = outputs[at]?.origin ?? { relationId: 0, attribute: 0 }
    if (field.tableOid !== expected.relationId || field.attribute !== expected.attribute) {
      return { kind: 'mismatch', why: `column ${at + 1} comes from another place than expected` }
    }
  }
  const masks = rules.map((rule, at) => {
    const field = fields[at]
    return rule.kind === 'mask' && field ? cellMask(rule.transform, field) : null
  })
  return masks.every((mask) => mask === null) ? { kind: 'pass' } : { kind: 'mask', masks }
}

/** No relation in scope is classified. The server must agree that nothing comes from anywhere else. */
function planUnproven({ relations }: Pick<Facts, 'relations'>, fields: readonly FieldDescription[]): ResultPlan {
  const inScope = new Set(relations.map(({ id }) => id))
  const stray = fields.findIndex(({ tableOid }) => tableOid !== 0 && !inScope.has(tableOid))
  if (stray < 0) return { kind: 'pass' }
  return { kind: 'mismatch', why: `column ${stray + 1} comes from a relation the statement does not name` }
}
