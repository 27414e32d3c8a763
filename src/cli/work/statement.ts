import type { Connection, Submittable } from 'pg'
import { AppError } from '../../base/app-error.ts'
import type { ResultColumn, ResultSet } from '../output/result-set.ts'
import { typeName } from './type-name.ts'

/** What came of one statement. */
export interface StatementResult extends ResultSet {
  /** The database's own word, as in `UPDATE 37`; empty when the rows were cut, for then it says none. */
  readonly tag: string
  readonly returnsRows: boolean
  /** What cut it: the limit of rows, or that of bytes. */
  readonly cutBy: 'rows' | 'bytes' | null
  /** It was a COPY whose rows came by another way than a result. */
  readonly isCopy: boolean
}

/** What a statement may return, and whom to tell when that is too little. */
export interface StatementLimits {
  /** 0: all of them. */
  readonly maxRows: number
  readonly maxBytes: number
  /** The bytes are used up: what still comes is dropped. Told once. */
  readonly onFull: () => void
}

/**
 * One statement in the extended protocol, sent at once: Parse, Bind, Describe, Execute with a limit, Sync. A limit of rows
 * ends a SELECT early and lets a write with RETURNING finish, which a cancel would not. Values stay PostgreSQL's text.
 */
export class Statement implements Submittable {
  readonly text: string
  readonly name = ''
  readonly done: Promise<StatementResult>
  readonly #limits: StatementLimits
  readonly #columns: ResultColumn[] = []
  readonly #rows: (string | null)[][] = []
  #settle: { resolve: (result: StatementResult) => void; reject: (error: unknown) => void } | undefined
  #tag = ''
  #returnsRows = false
  #isCopy = false
  #bytes = 0

  constructor(text: string, limits: StatementLimits) {
    this.text = text
    this.#limits = limits
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
  }

  submit(connection: Connection): void {
    connection.parse({ text: this.text, name: '', types: [] }, false)
    connection.bind({ values: [] }, false)
    connection.describe({ type: 'P', name: '' }, false)
    // One more than wanted tells whether there were more; 0 means all of them.
    const { maxRows } = this.#limits
    connection.execute({ portal: '', rows: String(maxRows === 0 ? 0 : maxRows + 1) }, false)
    connection.sync()
  }

  handleRowDescription({
    fields,
  }: {
    readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[]
  }) {
    this.#returnsRows = true
    this.#columns.push(...fields.map(({ name, dataTypeID }) => ({ name, type: typeName(dataTypeID) })))
  }

  handleDataRow({ fields, length }: { readonly fields: (string | null)[]; readonly length: number }): void {
    if (this.#isFull) return
    this.#bytes += length
    if (this.#isFull) this.#limits.onFull()
    else this.#rows.push(fields)
  }

  get #isFull(): boolean {
    return this.#bytes > this.#limits.maxBytes
  }

  handlePortalSuspended(): void {
    // The limit was reached: the row too many is the sign of it.
  }

  handleEmptyQuery(): void {
    // A text of comments only: there is nothing to tell.
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#tag = text
  }

  handleCopyInResponse(connection: Connection & { sendCopyFail(message: string): void }): void {
    this.#isCopy = true
    connection.sendCopyFail('hoop exec has no rows to copy in')
  }

  handleCopyData(): void {
    this.#isCopy = true
  }

  /** The driver forgets a statement at its first error; what follows is another's. */
  handleError(error: unknown): void {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (this.#isCopy) {
      const hint = 'hoop psql CONNECTION'
      this.#settle?.reject(new AppError('USAGE', 'Cannot copy rows in: hoop exec has none', { hint, cause: error }))
    } else if (this.#isFull && code === '57014') {
      // It was cancelled because enough had come.
      this.handleReadyForQuery()
    } else {
      this.#settle?.reject(error)
    }
  }

  handleReadyForQuery(): void {
    const { maxRows } = this.#limits
    const isBeyond = maxRows > 0 && this.#rows.length > maxRows
    this.#settle?.resolve({
      columns: this.#columns,
      rows: isBeyond ? this.#rows.slice(0, maxRows) : this.#rows,
      tag: this.#tag,
      returnsRows: this.#returnsRows,
      cutBy: this.#isFull ? 'bytes' : isBeyond ? 'rows' : null,
      isCopy: this.#isCopy,
    })
  }
}
