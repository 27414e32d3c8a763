import type { Connection, Submittable } from 'pg'
import type { ResultColumn, ResultSet } from '../output/result-set.ts'
import { typeName } from './type-name.ts'

/** What came of one statement. */
export interface StatementResult extends ResultSet {
  /** The database's own word, as in `UPDATE 37`; empty when the rows were cut, for then it says none. */
  readonly tag: string
  readonly returnsRows: boolean
  readonly truncated: boolean
  /** It was a COPY whose rows came by another way than a result. */
  readonly isCopy: boolean
}

/**
 * One statement in the extended protocol, sent at once: Parse, Bind, Describe, Execute with a limit, Sync. A limit of rows
 * ends a SELECT early and lets a write with RETURNING finish, which a cancel would not. Values stay PostgreSQL's text.
 */
export class Statement implements Submittable {
  readonly text: string
  readonly name = ''
  readonly done: Promise<StatementResult>
  readonly #limit: number
  readonly #columns: ResultColumn[] = []
  readonly #rows: (string | null)[][] = []
  #settle: { resolve: (result: StatementResult) => void; reject: (error: unknown) => void } | undefined
  #tag = ''
  #returnsRows = false
  #isCopy = false

  constructor(text: string, maxRows: number) {
    this.text = text
    this.#limit = maxRows
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
  }

  submit(connection: Connection): void {
    connection.parse({ text: this.text, name: '', types: [] }, false)
    connection.bind({ values: [] }, false)
    connection.describe({ type: 'P', name: '' }, false)
    // One more than wanted tells whether there were more; 0 means all of them.
    connection.execute({ portal: '', rows: String(this.#limit === 0 ? 0 : this.#limit + 1) }, false)
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

  handleDataRow({ fields }: { readonly fields: (string | null)[] }): void {
    this.#rows.push(fields)
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
    this.#settle?.reject(error)
  }

  handleReadyForQuery(): void {
    const truncated = this.#limit > 0 && this.#rows.length > this.#limit
    this.#settle?.resolve({
      columns: this.#columns,
      rows: truncated ? this.#rows.slice(0, this.#limit) : this.#rows,
      tag: this.#tag,
      returnsRows: this.#returnsRows,
      truncated,
      isCopy: this.#isCopy,
    })
  }
}
