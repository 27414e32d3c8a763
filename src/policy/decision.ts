import type { ColumnRef } from '../engines/engine.ts'

/** A rule that took part in a decision, and where its author can find it. */
export interface RuleRef {
  /** The rule's `@id`; `hoop:…` for what is built into the guard. */
  readonly id: string
  readonly file: string
  /** 1-based; 0 for what is built in. */
  readonly line: number
}

/** A classified column a statement reads, and what becomes of its value on the way out. */
export interface ClassifiedUse {
  readonly column: ColumnRef
  readonly tags: readonly string[]
}

/** How a masked value is made. The names are those of `transforms.yaml`. */
export const transformNames = ['null', 'redact', 'partial', 'keep-domain', 'last4', 'year'] as const

export type TransformName = (typeof transformNames)[number]

/** What happens to one column of a result. */
export type OutputRule =
  | { readonly kind: 'pass' }
  | {
      readonly kind: 'mask'
      readonly column: ColumnRef
      readonly tags: readonly string[]
      readonly transform: TransformName
    }
  | { readonly kind: 'reveal'; readonly column: ColumnRef; readonly tags: readonly string[]; readonly rule: RuleRef }

/** What every decision says, whatever the verdict. */
interface DecisionBase {
  /** The rules that settled it, the deciding one first. Never empty. */
  readonly rules: readonly RuleRef[]
  /** Digest of the bundle it was made under. */
  readonly policyDigest: string
}

/** The statement may run; `outputs` says, column by column, what of its result may be seen. */
export interface Allowed extends DecisionBase {
  readonly verdict: 'allow'
  /** One per result column; null when it returns no rows; `pass` when no relation in scope has classified columns. */
  readonly outputs: readonly OutputRule[] | 'pass' | null
  /** Classified columns read anywhere in it. */
  readonly classified: readonly ClassifiedUse[]
  /** Some relation in scope has classified columns: what the database says about errors may quote their values. */
  readonly isSensitive: boolean
}

/** The statement may run only after `count` people of `approvers` have said so. */
export interface Held extends Omit<Allowed, 'verdict'> {
  readonly verdict: 'hold'
  readonly reason: string
  /** Groups or people, as in `group:dba`. */
  readonly approvers: readonly string[]
  readonly count: number
}

/** The statement does not run. */
export interface Denied extends DecisionBase {
  readonly verdict: 'deny'
  /** Why, as a sentence for the person who wrote the statement. */
  readonly reason: string
  /** The next step, when the rule's author or the guard knows one. */
  readonly fix?: string
  readonly owner?: string
  readonly classified: readonly ClassifiedUse[]
  /** 1-based character of the statement text; 0 where it has none. */
  readonly position: number
}

/** The answer about one statement. Pure: the same bundle, person and facts give the same answer on any machine. */
export type Decision = Allowed | Held | Denied
