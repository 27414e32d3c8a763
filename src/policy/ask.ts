import type { EntityJson } from '@cedar-policy/cedar-wasm/nodejs'
import type { ColumnRef, Effect, Facts } from '../engines/engine.ts'
import { cedar } from './cedar.ts'
import type { CompiledPolicy, Rule } from './compile.ts'
import type { ConnectionEntity, Principal, RequestContext } from './principal.ts'

/** Who asks about what, apart from the one resource of a question. */
export interface Asker {
  readonly policy: CompiledPolicy
  readonly principal: Principal
  readonly connection: ConnectionEntity
  readonly context: RequestContext
}

/** The answer to one question, with the rules that settled it; a rule that could not be evaluated denies. */
export interface Answer {
  readonly isPermitted: boolean
  readonly rules: readonly Rule[]
  /** Ids of rules that failed while being evaluated. */
  readonly failed: readonly string[]
}

type Action = 'connect' | 'run' | 'run_unreviewed' | 'reveal' | 'filter'
type Uid = { readonly type: string; readonly id: string }
type Value = NonNullable<EntityJson['attrs']>[string]

const principalTypes = { user: 'User', 'service-account': 'ServiceAccount', agent: 'Agent' } as const

export function askConnect(asker: Asker): Answer {
  return ask(asker, 'connect', { uid: connectionUid(asker), entities: [], extra: {} })
}

export function askEffect(asker: Asker, action: 'run' | 'run_unreviewed', effect: Effect, facts: Facts): Answer {
  const table = tableEntity(asker, effect.object)
  const name = effect.object.schema ? `${effect.object.schema}.${effect.object.name}` : effect.object.name
  const extra = { effect: { class: effect.class, bounded: effect.bounded, object: name }, stmt: stmtOf(facts) }
  return ask(asker, action, {
    uid: table.uid as Uid,
    entities: [table, schemaEntity(asker, effect.object.schema)],
    extra,
  })
}

export function askColumn(
  asker: Asker,
  action: 'reveal' | 'filter',
  about: { readonly column: ColumnRef; readonly tags: readonly string[]; readonly facts: Facts },
): Answer {
  const { column, tags, facts } = about
  const table = tableEntity(asker, { kind: 'relation', schema: column.schema, name: column.table })
  const uid = { type: 'Column', id: `${(table.uid as Uid).id}.${column.column}` }
  const entity = { uid, parents: [table.uid], attrs: { name: column.column, tags: [...tags] } }
  return ask(asker, action, {
    uid,
    entities: [entity, table, schemaEntity(asker, column.schema)],
    extra: { stmt: stmtOf(facts) },
  })
}

interface Question {
  readonly uid: Uid
  readonly entities: readonly EntityJson[]
  readonly extra: Record<string, Value>
}

function ask({ policy, principal, connection, context }: Asker, action: Action, question: Question): Answer {
  const who = { type: principalTypes[principal.kind], id: principal.sub }
  const groups = principal.groups.map((id) => ({ type: 'Group', id }))
  const environment = { type: 'Environment', id: connection.environment }
  const answer = cedar().statefulIsAuthorized({
    principal: who,
    action: { type: 'Action', id: action },
    resource: question.uid,
    context: { reason: context.reason, ticket: context.ticket, grants: [...context.grants], ...question.extra },
    preparsedSchemaName: 'hoop',
    preparsedPolicySetId: policy.cedarId,
    validateRequest: true,
    entities: [
      { uid: who, attrs: { email: principal.email }, parents: groups },
      ...groups.map((uid) => ({ uid, attrs: {}, parents: [] })),
      { uid: environment, attrs: {}, parents: [] },
      { uid: { type: 'Connection', id: connection.name }, attrs: {}, parents: [environment] },
      ...question.entities,
    ],
  })
  // A question Cedar cannot take is one nobody has permitted.
  if (answer.type === 'failure')
    return { isPermitted: false, rules: [], failed: answer.errors.map(({ message }) => message) }
  const { decision, diagnostics } = answer.response
  const failed = diagnostics.errors.map(({ policyId }) => policyId)
  const rules = [...failed, ...diagnostics.reason].flatMap((id) => policy.rules.get(id) ?? [])
  return { isPermitted: decision === 'allow' && failed.length === 0, rules, failed }
}

function stmtOf(facts: Facts): Value {
  return {
    verb: facts.verb,
    unresolved: facts.unresolved.length,
    unproven: facts.unproven.length,
    effects: facts.effects.length,
  }
}

function connectionUid({ connection }: Asker): Uid {
  return { type: 'Connection', id: connection.name }
}

function schemaEntity(asker: Asker, schema: string): EntityJson {
  return { uid: schemaUid(asker, schema), attrs: {}, parents: [connectionUid(asker)] }
}

function schemaUid({ connection }: Asker, schema: string): Uid {
  return { type: 'Schema', id: `${connection.name}/${schema}` }
}

function tableEntity(asker: Asker, object: { kind: string; schema: string; name: string }): EntityJson {
  const { kind, schema, name } = object
  const id = `${asker.connection.name}/${schema ? `${schema}.` : ''}${name}`
  return { uid: { type: 'Table', id }, attrs: { kind, schema, name }, parents: [schemaUid(asker, schema)] }
}
