import { readFile } from 'node:fs/promises'
import { text as readAll } from 'node:stream/consumers'
import { AppError } from '../../base/app-error.ts'
import { splitStatements } from './split-statements.ts'

/** Where SQL may come from; one of them must, and only one may. */
export interface SqlSources {
  /** The words after `--`; null: there was none. */
  readonly rest: readonly string[] | null
  readonly file: string | undefined
  /** Somebody sits at stdin: nothing is to be read from there. */
  readonly isTty: boolean
}

/** @throws AppError `USAGE` when no source, two, or one without a statement is named */
export async function readSql(sources: SqlSources): Promise<readonly string[]> {
  const text = await readText(sources)
  if (text.includes('\0')) throw new AppError('USAGE', 'Cannot read SQL: it holds a NUL character')
  const statements = await splitStatements(text)
  if (statements.length === 0) {
    throw new AppError('USAGE', 'Cannot read SQL: there is no statement in it', { hint: usage })
  }
  return statements
}

const usage = "hoop exec CONNECTION -- 'select 1'\nhoop exec CONNECTION -f FILE"

async function readText({ rest, file, isTty }: SqlSources): Promise<string> {
  if (rest !== null && file !== undefined) {
    throw new AppError('USAGE', 'Cannot read SQL: it is given twice, after -- and with -f', {
      hint: 'Give one of them',
    })
  }
  if (rest !== null) {
    const [text = '', ...others] = rest
    if (others.length === 0) return text
    // Put together again they might be another statement than the one that was typed: the shell has eaten quotes and stars.
    throw new AppError('USAGE', `Cannot read SQL: ${rest.length} words follow --, and it must be one`, {
      hint: "Quote the whole statement: hoop exec CONNECTION -- 'select 1'",
    })
  }
  if (file !== undefined && file !== '-') {
    return decode(
      await readFile(file).catch((cause: unknown) => {
        throw new AppError('USAGE', `Cannot read SQL: "${file}" cannot be opened`, { cause })
      }),
    )
  }
  if (file === undefined && isTty) throw new AppError('USAGE', 'Cannot read SQL: none is given', { hint: usage })
  return readAll(process.stdin)
}

/** UTF-8 or nothing: a byte that was read wrong is another statement. */
function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new AppError('USAGE', 'Cannot read SQL: the file is not UTF-8', { cause })
  }
}
