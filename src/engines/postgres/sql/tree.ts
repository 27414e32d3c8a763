/**
 * Reading libpg-query's JSON. A node is an object with one member, its tag, whose value holds its fields; a few fields hold
 * their struct without a tag. Nothing here trusts a shape: what is missing reads as empty.
 */
export type Tree = { readonly [key: string]: unknown }

const none: Tree = {}

/** The tag of a node and its fields; an empty tag for what is not a node. */
export function untag(value: unknown): { readonly tag: string; readonly fields: Tree } {
  if (isTree(value)) {
    const keys = Object.keys(value)
    const [tag = ''] = keys
    const inner = value[tag]
    if (keys.length === 1 && /^[A-Z]/.test(tag) && isTree(inner)) return { tag, fields: inner }
  }
  return { tag: '', fields: none }
}

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The struct in a field that holds one without a tag; empty when there is none. */
export function struct(fields: Tree, name: string): Tree {
  const value = fields[name]
  return isTree(value) ? value : none
}

export function list(fields: Tree, name: string): readonly unknown[] {
  const value = fields[name]
  return Array.isArray(value) ? value : []
}

export function text(fields: Tree, name: string): string {
  const value = fields[name]
  return typeof value === 'string' ? value : ''
}

export function flag(fields: Tree, name: string): boolean {
  return fields[name] === true
}

export function byteOffset(fields: Tree): number {
  const value = fields['location']
  return typeof value === 'number' ? value : -1
}

/** The strings of a list of String nodes, as in a qualified name. */
export function strings(nodes: readonly unknown[]): string[] {
  return nodes.map((node) => text(untag(node).fields, 'sval'))
}

/** The value of a constant as text; undefined for NULL and for anything that is not a constant. */
export function constantText(node: unknown): string | undefined {
  const { tag, fields } = untag(node)
  if (tag === 'TypeCast') return constantText(fields['arg'])
  if (tag === 'String') return text(fields, 'sval')
  if (tag !== 'A_Const' || flag(fields, 'isnull')) return undefined
  for (const [key, inner] of [
    ['sval', 'sval'],
    ['fval', 'fval'],
    ['bsval', 'bsval'],
  ] as const) {
    if (isTree(fields[key])) return text(struct(fields, key), inner)
  }
  // The JSON leaves out zero and false.
  if (isTree(fields['ival'])) return String(struct(fields, 'ival')['ival'] ?? 0)
  if (isTree(fields['boolval'])) return String(struct(fields, 'boolval')['boolval'] ?? false)
  return undefined
}

export function isNullConstant(node: unknown): boolean {
  const { tag, fields } = untag(node)
  return tag === 'A_Const' && flag(fields, 'isnull')
}
