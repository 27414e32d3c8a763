import { LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'
import type { ColumnName } from '../engines/engine.ts'
import { type TransformName, transformNames } from './decision.ts'

/**
 * `classification.yaml` says which column carries which tags, `transforms.yaml` how a tag is masked. A tag is a path: a column
 * tagged `pii.email` carries `pii` as well, and the longest tag with a transform decides.
 */
const tag = z
  .string()
  .regex(/^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$/, 'a tag is lower-case words joined by dots, as in pii.email')
const columnPattern = z
  .string()
  .regex(/^[^.]+\.[^.]+\.[^.]+$/, 'a column is written schema.table.column, where * stands for any characters')

const classificationFile = z.strictObject({
  connections: z.record(z.string(), z.record(columnPattern, z.array(tag).min(1))),
})
const transformsFile = z.strictObject({
  transforms: z.record(tag, z.strictObject({ mask: z.enum(transformNames) })),
})

/** What is wrong in a YAML file, and where. */
export interface FileProblem {
  readonly file: string
  /** 1-based; 0 where unknown. */
  readonly line: number
  readonly message: string
}

interface Pattern {
  readonly connection: RegExp
  readonly column: RegExp
  readonly tags: readonly string[]
}

/** Which column carries which tags, and how each tag is masked. */
export class Classification {
  readonly #patterns: readonly Pattern[]
  readonly #transforms: ReadonlyMap<string, TransformName>

  constructor(patterns: readonly Pattern[], transforms: ReadonlyMap<string, TransformName>) {
    this.#patterns = patterns
    this.#transforms = transforms
  }

  /** Tags of a column and of whatever shares its values, parents of tags included; empty: not classified. */
  tagsOf(connection: string, column: ColumnName, kin: readonly ColumnName[] = []): readonly string[] {
    const names = [column, ...kin].map(({ schema, table, column: name }) => `${schema}.${table}.${name}`)
    const own = this.#patterns
      .filter((pattern) => pattern.connection.test(connection) && names.some((name) => pattern.column.test(name)))
      .flatMap(({ tags }) => tags)
    return [...new Set(own.flatMap(ancestors))].sort((a, b) => (a < b ? -1 : 1))
  }

  /** The mask of the longest tag that has one; `null` where none has, or where two of one length disagree. */
  transformOf(tags: readonly string[]): TransformName {
    const found = tags.filter((each) => this.#transforms.has(each))
    const depth = Math.max(0, ...found.map((each) => each.split('.').length))
    const deepest = new Set(
      found.filter((each) => each.split('.').length === depth).map((each) => this.#transforms.get(each)),
    )
    const [only] = deepest
    return deepest.size === 1 && only ? only : 'null'
  }
}

/** Reads both files; either may be absent. */
export function readClassification(files: Readonly<Record<string, string>>, problems: FileProblem[]): Classification {
  const classified = readYaml('classification.yaml', files, classificationFile, problems)
  const transforms = readYaml('transforms.yaml', files, transformsFile, problems)
  const patterns = Object.entries(classified?.connections ?? {}).flatMap(([connection, columns]) =>
    Object.entries(columns).map(([column, tags]) => ({ connection: glob(connection), column: glob(column), tags })),
  )
  const masks = Object.entries(transforms?.transforms ?? {}).map(([name, { mask }]) => [name, mask] as const)
  return new Classification(patterns, new Map(masks))
}

function readYaml<T>(
  file: string,
  files: Readonly<Record<string, string>>,
  schema: z.ZodType<T>,
  problems: FileProblem[],
): T | undefined {
  const source = files[file]
  if (source === undefined) return undefined
  const lines = new LineCounter()
  const document = parseDocument(source, { lineCounter: lines, uniqueKeys: true })
  const [broken] = document.errors
  if (broken) {
    problems.push({
      file,
      line: lines.linePos(broken.pos[0]).line,
      message: broken.message.split('\n')[0] ?? 'not YAML',
    })
    return undefined
  }
  const parsed = schema.safeParse(document.toJS() ?? {})
  if (parsed.success) return parsed.data
  for (const issue of parsed.error.issues) {
    const keys = issue.code === 'unrecognized_keys' ? issue.keys : []
    const path = [...issue.path, ...keys.slice(0, 1)]
    const line = lineOf(source, path)
    const why = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message
    problems.push({ file, line, message: `${path.map(String).join(' → ') || 'the file'}: ${why}` })
  }
  return undefined
}

/** The line of the last word of a path that can be found: each is looked for after the one before. */
function lineOf(source: string, path: readonly PropertyKey[]): number {
  let at = 0
  for (const word of path) {
    const found = source.indexOf(String(word), at)
    if (found >= 0) at = found
  }
  return source.slice(0, at).split('\n').length
}

function ancestors(name: string): string[] {
  const parts = name.split('.')
  return parts.map((_, at) => parts.slice(0, at + 1).join('.'))
}

function glob(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^.]*')
  return new RegExp(`^${escaped}$`)
}
