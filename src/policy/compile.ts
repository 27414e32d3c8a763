import { createHash } from 'node:crypto'
import { AppError } from '../base/app-error.ts'
import { canonicalJson } from '../base/canonical-json.ts'
import { cedar } from './cedar.ts'
import { type Classification, type FileProblem, readClassification } from './classification.ts'
import type { RuleRef } from './decision.ts'
import { basePolicy, basePolicyFile, policySchema } from './schema.ts'

/** A rule as decisions speak of it. */
export interface Rule extends RuleRef {
  readonly annotations: Readonly<Record<string, string | null>>
}

/** A policy folder that has been read, checked against the schema and made ready to decide. */
export interface CompiledPolicy {
  /** SHA-256, in hex, of its files. */
  readonly digest: string
  readonly version: number
  readonly rules: ReadonlyMap<string, Rule>
  readonly classification: Classification
  /** Name under which Cedar keeps the parsed rules. */
  readonly cedarId: string
}

const schemaName = 'hoop'
const knownFiles = /^([A-Za-z0-9_-]+\.cedar|classification\.yaml|transforms\.yaml|(tests|invariants)\/[\w./-]+\.yaml)$/

/** Digest of a policy folder: what it says, whoever published it and whenever. */
export function policyDigest(files: Readonly<Record<string, string>>): string {
  return createHash('sha256').update(canonicalJson(files)).digest('hex')
}

/**
 * Reads and checks a folder.
 * @throws AppError `POLICY_INVALID` that lists, by file and line, everything that is wrong
 */
export function compilePolicy(files: Readonly<Record<string, string>>, version = 0): CompiledPolicy {
  const problems: FileProblem[] = []
  for (const [file, text] of Object.entries(files)) {
    if (!knownFiles.test(file)) problems.push({ file, line: 0, message: 'this file has no place in a policy folder' })
    // It has no digest, and no two programs agree on what it says.
    if (!text.isWellFormed()) throw invalid([{ file, line: 0, message: 'it is not well-formed Unicode' }])
  }
  const classification = readClassification(files, problems)
  const rules = new Map<string, Rule>()
  const texts: Record<string, string> = {}
  const sources = { [basePolicyFile]: basePolicy, ...cedarFiles(files) }
  for (const [file, source] of Object.entries(sources)) readRules(file, source, { rules, texts, problems })
  if (problems.length === 0) validate(texts, rules, problems)
  if (problems.length > 0) throw invalid(problems)
  const digest = policyDigest(files)
  return { digest, version, rules, classification, cedarId: prepare(digest, texts) }
}

function cedarFiles(files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files)
      .filter(([file]) => file.endsWith('.cedar') && file !== basePolicyFile)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

interface Reading {
  readonly rules: Map<string, Rule>
  readonly texts: Record<string, string>
  readonly problems: FileProblem[]
}

function readRules(file: string, source: string, { rules, texts, problems }: Reading): void {
  const parts = cedar().policySetTextToParts(source)
  if (parts.type === 'failure') {
    for (const error of parts.errors) {
      const at = error.sourceLocations?.[0]?.start ?? 0
      problems.push({ file, line: lineAt(source, at), message: error.message })
    }
    return
  }
  for (const text of parts.policies) {
    const json = cedar().policyToJson(text)
    const annotations = json.type === 'success' ? (json.json.annotations ?? {}) : {}
    const id = annotations['id']
    const line = lineAt(source, Math.max(0, source.indexOf(id ? `@id("${id}")` : text.slice(0, 40))))
    if (!id) problems.push({ file, line, message: 'a rule has no @id' })
    else if (rules.has(id)) problems.push({ file, line, message: `two rules are called "${id}"` })
    else {
      rules.set(id, { id, file, line, annotations: annotations as Rule['annotations'] })
      texts[id] = text
    }
  }
  if (parts.policy_templates.length > 0)
    problems.push({ file, line: 0, message: 'templates are not used in a policy folder' })
}

function validate(texts: Record<string, string>, rules: ReadonlyMap<string, Rule>, problems: FileProblem[]): void {
  const answer = cedar().validate({
    schema: policySchema,
    policies: { staticPolicies: texts },
    validationSettings: { mode: 'strict' },
  })
  if (answer.type === 'failure') {
    for (const { message } of answer.errors) problems.push({ file: '', line: 0, message })
    return
  }
  for (const { policyId, error } of answer.validationErrors) {
    const rule = rules.get(policyId)
    const message = error.message.replace(/^for policy `[^`]*`, /, `rule "${policyId}": `)
    const help = error.help ? ` (${error.help})` : ''
    problems.push({ file: rule?.file ?? '', line: rule?.line ?? 0, message: `${message}${help}` })
  }
}

function prepare(digest: string, texts: Record<string, string>): string {
  const parsedSchema = cedar().preparseSchema(schemaName, policySchema)
  const parsed = cedar().preparsePolicySet(digest, { staticPolicies: texts })
  if (parsedSchema.type === 'failure' || parsed.type === 'failure') {
    throw new AppError('POLICY_INVALID', 'Cannot read policy: it cannot be prepared')
  }
  return digest
}

function invalid(problems: readonly FileProblem[]): AppError {
  const lines = problems.map(({ file, line, message }) => `${file}${line > 0 ? `:${line}` : ''}  ${message}`)
  return new AppError('POLICY_INVALID', `Cannot read policy: ${lines.join('\n  ')}`, {
    hint: 'Correct the files and push again; what was published before stays in force',
    ran: 'nothing',
  })
}

function lineAt(source: string, offset: number): number {
  return Buffer.from(source).subarray(0, offset).toString('utf8').split('\n').length
}
