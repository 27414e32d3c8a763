import type { AnalysedStatement, Analysis, Facts } from '../../engine.ts'
import type { CatalogSnapshot } from '../catalog/snapshot.ts'
import { Draft } from './draft.ts'
import { parseStatements, type RawStatement, SqlSyntaxError } from './parser.ts'
import { analyseSelect } from './select.ts'
import { type Tree, text, untag } from './tree.ts'
import { utilities, verbOf } from './utility.ts'
import { factsBehind } from './view.ts'
import { walk } from './walk.ts'
import { analyseDelete, analyseInsert, analyseMerge, analyseUpdate } from './write.ts'

/** Texts above this are refused: parsing them would stop everything else on this thread. */
const maxTextBytes = 1024 * 1024

/** Reads a text: every statement in it, and what each does. Pure: text and snapshot in, facts out. */
export function analyse(sql: string, catalog: CatalogSnapshot): Analysis {
  const bytes = Buffer.from(sql)
  if (bytes.length > maxTextBytes) {
    return syntax(`the text has ${bytes.length} bytes, and more than ${maxTextBytes} are not analysed`, 0)
  }
  // The parser would stop at a NUL and never see what comes after it.
  if (sql.includes('\0')) return syntax('the text holds a NUL character', sql.indexOf('\0') + 1)
  try {
    const statements = parseStatements(sql)
    return { kind: 'statements', statements: statements.map((raw) => analyseRaw(raw, bytes, catalog)) }
  } catch (error) {
    if (error instanceof SqlSyntaxError) return syntax(error.message, error.position)
    // Depth that exhausts the stack is not understood, like anything else that is not.
    if (error instanceof RangeError) return syntax('the statement is nested too deeply', 0)
    throw error
  }
}

function syntax(message: string, position: number): Analysis {
  return { kind: 'syntax', problem: { message, position } }
}

function analyseRaw(raw: RawStatement, bytes: Buffer, catalog: CatalogSnapshot): AnalysedStatement {
  const end = raw.length === undefined ? bytes.length : raw.start + raw.length
  const statement = bytes.subarray(raw.start, end).toString('utf8').trim()
  const toPosition = (byteOffset: number): number => [...bytes.subarray(0, byteOffset).toString('utf8')].length + 1
  return { text: statement, facts: factsOf(raw.stmt, catalog, toPosition) }
}

function factsOf(stmt: unknown, catalog: CatalogSnapshot, toPosition: (byteOffset: number) => number): Facts {
  const { tag, fields } = untag(stmt)
  const draft = new Draft(catalog, { toPosition, factsBehind })
  const inner = (node: unknown): Facts => factsOf(node, catalog, toPosition)
  switch (tag) {
    case 'SelectStmt':
      walk(draft, stmt)
      draft.outputs = analyseSelect(draft, fields)
      break
    case 'InsertStmt':
      analyseInsert(draft, tag, fields)
      break
    case 'UpdateStmt':
      analyseUpdate(draft, tag, fields)
      break
    case 'DeleteStmt':
      analyseDelete(draft, tag, fields)
      break
    case 'MergeStmt':
      analyseMerge(draft, tag, fields)
      break
    default:
      analyseUtility(draft, tag, fields, inner)
  }
  return draft.finish(verb(tag, fields))
}

function analyseUtility(draft: Draft, tag: string, fields: Tree, inner: (node: unknown) => Facts): void {
  const utility = Object.hasOwn(utilities, tag) ? utilities[tag] : undefined
  if (utility) return utility(draft, fields, inner)
  draft.effect('unknown', { kind: 'other', schema: '', name: tag, id: 0 })
  draft.unresolved(tag, `statements of the kind ${verbOf(tag)} are not understood`)
}

function verb(tag: string, fields: Tree): string {
  if (tag === 'TransactionStmt') {
    return text(fields, 'kind').replace('TRANS_STMT_', '').replaceAll('_', ' ')
  }
  if (tag === 'FetchStmt' && fields['ismove'] === true) return 'MOVE'
  return verbOf(tag)
}
