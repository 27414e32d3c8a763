import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'

/**
 * Derives again, from the source itself, what docs/ARCHITECTURE.md promises: who may import whom, and which folders
 * think without touching the world. There is no list of exceptions; a rule that does not fit is changed here and there.
 */

const root = join(import.meta.dirname, '..')

/** What each folder may import of ours, longest name first where folders nest. `*` in a value means everything. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  api: ['base', 'policy', 'audit', 'engines'],
  engines: ['base'],
  'engines/postgres/wire': ['base'],
  'engines/postgres/catalog': ['base', 'engines'],
  'engines/postgres/sql': ['base', 'engines', 'engines/postgres/catalog'],
  'engines/postgres/admin': ['base', 'engines/postgres/catalog'],
  'engines/postgres/guard': [
    'base',
    'engines',
    'engines/postgres/wire',
    'engines/postgres/sql',
    'engines/postgres/catalog',
    'policy',
    'masking',
    'audit',
  ],
  policy: ['base', 'engines'],
  masking: ['base', 'engines', 'policy'],
  audit: ['base', 'engines'],
  identity: ['base', 'api'],
  proxy: [
    'base',
    'api',
    'engines',
    'engines/postgres/wire',
    'engines/postgres/sql',
    'engines/postgres/catalog',
    'engines/postgres/guard',
    'policy',
    'masking',
    'audit',
    'identity',
  ],
  server: ['base', 'api', 'engines', 'engines/postgres/sql', 'engines/postgres/admin', 'policy', 'masking', 'audit'],
  demo: ['base', 'api', 'server', 'proxy', 'policy', 'identity'],
  cli: ['*'],
}

const pureFolders = ['base', 'api', 'engines', 'policy', 'masking', 'audit']

/** Node modules that compute and do nothing else. */
const pureNodeModules = new Set(['node:crypto', 'node:buffer'])

/** Names whose mere use means time, randomness, the process or the outside world. */
const impureNames = new Set([
  'process',
  'console',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'performance',
  'fetch',
  'randomBytes',
  'randomUUID',
  'randomInt',
  'getRandomValues',
])

interface SourceFile {
  readonly path: string
  readonly folder: string
  readonly tree: ts.SourceFile
}

const files: readonly SourceFile[] = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.tsx?$/.test(path))
  .map((path) => {
    const text = readFileSync(join(root, 'src', path), 'utf8')
    return { path, folder: folderOf(path), tree: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true) }
  })

test('every source file stands in a folder whose imports are known', () => {
  expect(files.filter(({ folder }) => folder === '').map(({ path }) => path)).toEqual([])
})

test.each(Object.keys(mayImport))('%s imports only the folders below it', (folder) => {
  const allowed = mayImport[folder] ?? []
  const wrong = files
    .filter((file) => file.folder === folder)
    .flatMap((file) => importsOf(file.tree).map((specifier) => ({ file, specifier })))
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ file, specifier }) => ({ from: file.path, to: normalize(join(dirname(file.path), specifier)) }))
    .filter(({ to }) => folderOf(to) !== folder && !allowed.includes('*') && !allowed.includes(folderOf(to)))

  expect(wrong).toEqual([])
})

describe.each(pureFolders)('%s', (folder) => {
  const own = files.filter((file) => file.folder.split('/')[0] === folder)

  test('imports nothing of Node that touches the world', () => {
    const wrong = own.flatMap((file) =>
      importsOf(file.tree)
        .filter((specifier) => specifier.startsWith('node:') && !pureNodeModules.has(specifier))
        .map((specifier) => `${file.path}: ${specifier}`),
    )

    expect(wrong).toEqual([])
  })

  test('uses no clock, randomness, timer, process or console', () => {
    expect(own.flatMap((file) => impureUses(file))).toEqual([])
  })
})

test('only the demo itself and its command know the demo', () => {
  const wrong = files
    .filter(({ folder, path }) => folder !== 'demo' && !path.startsWith(join('cli', 'commands', 'demo')))
    .filter((file) =>
      importsOf(file.tree).some((specifier) => normalize(join(dirname(file.path), specifier)).startsWith('demo/')),
    )
    .map(({ path }) => path)

  expect(wrong).toEqual([])
})

test('no file under src is longer than 300 lines of code', () => {
  const long = files
    .map(({ path, tree }) => ({ path, lines: linesOfCode(tree.text) }))
    .filter(({ lines, path }) => lines > 300 && !isDataTable(path))

  expect(long).toEqual([])
})

function folderOf(path: string): string {
  const folder = relative('.', dirname(path)).split('\\').join('/')
  const known = Object.keys(mayImport).sort((a, b) => b.length - a.length)
  return known.find((name) => folder === name || folder.startsWith(`${name}/`)) ?? ''
}

function importsOf(tree: ts.SourceFile): string[] {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
      if (ts.isStringLiteral(node.moduleSpecifier)) found.push(node.moduleSpecifier.text)
    }
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments
      if (specifier && ts.isStringLiteral(specifier)) found.push(specifier.text)
    }
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
      found.push(node.argument.literal.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}

function impureUses(file: SourceFile): string[] {
  const found: string[] = []
  const report = (node: ts.Node, what: string): void => {
    const { line } = file.tree.getLineAndCharacterOfPosition(node.getStart())
    found.push(`${file.path}:${line + 1}: ${what}`)
  }
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && impureNames.has(node.text) && isReference(node)) report(node, node.text)
    if (ts.isPropertyAccessExpression(node)) {
      const name = `${node.expression.getText()}.${node.name.text}`
      if (name === 'Date.now' || name === 'Math.random') report(node, name)
    }
    if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length) {
      report(node, 'new Date()')
    }
    ts.forEachChild(node, visit)
  }
  visit(file.tree)
  return found
}

/** False for a property's own name and for what a type or an object literal calls its members. */
function isReference(node: ts.Identifier): boolean {
  const parent = node.parent
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node
  return !(
    ts.isPropertyAssignment(parent) ||
    ts.isPropertySignature(parent) ||
    ts.isMethodSignature(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isParameter(parent)
  )
}

/** Tables of data are exempt: a file that is one literal, named so. */
function isDataTable(path: string): boolean {
  return path.endsWith('-table.ts')
}

function linesOfCode(text: string): number {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.trim().startsWith('//')).length
}
