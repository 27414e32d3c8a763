import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { type Link, nextLink } from '../audit/chain.ts'
import type { Entry } from '../audit/entry.ts'
import { AppError } from '../base/app-error.ts'
import type { Log } from '../base/ports.ts'

/**
 * What has happened and is not yet at the server: one SQLite file per stream, written by one process. Entries of one turn of
 * the event loop are committed together; nothing that waits for them is released before. A link, once committed, never
 * changes, and is deleted only when the server has acknowledged it.
 *
 * The file is held with SQLite's exclusive lock, so that nobody else writes it; a file that can be locked belongs to a process
 * that is gone, and whoever finds it uploads what is left.
 */
export interface SpoolStream {
  readonly stream: string
  readonly session: string
  /** Where it is to be uploaded, and the key that may do it. */
  readonly server: string
  readonly uploadKey: string
}

/** What a commit survives: `process` a kill, `power` a power cut too. */
export type Durability = 'process' | 'power'

export interface SpoolOptions {
  readonly directory: string
  readonly durability: Durability
  readonly maxBytes: number
  readonly log: Log
}

const fileEnding = '.spool'

export class Spool {
  readonly about: SpoolStream
  readonly #database: Database.Database
  readonly #file: string
  readonly #maxBytes: number
  readonly #pageBytes: number
  readonly #pageCount: Database.Statement
  readonly #insertAll: (links: readonly Link[]) => void
  readonly #listeners = new Set<SpoolListener>()
  #last: Pick<Link, 'seq' | 'hash'> | null
  #pending: Link[] = []
  #isScheduled = false
  #committedSeq: number
  #failure: AppError | null = null

  /** Starts the file of a new stream. @throws AppError `AUDIT_UNAVAILABLE` */
  static create(about: SpoolStream, options: SpoolOptions): Spool {
    const file = join(options.directory, `${about.stream}${fileEnding}`)
    try {
      mkdirSync(options.directory, { recursive: true, mode: 0o700 })
      return new Spool(about, createDatabase(file, about, options.durability), { file, maxBytes: options.maxBytes })
    } catch (error) {
      const why = error instanceof Error ? error.message : 'no reason given'
      throw new AppError('AUDIT_UNAVAILABLE', `Cannot record, so nothing may run: ${why}`, {
        cause: error,
        hint: `Make ${options.directory} a folder you can write to`,
        ran: 'nothing',
      })
    }
  }

  /**
   * Takes over a file whose process is gone; null when it is still held. One that is broken is set aside and reported.
   */
  static adopt(file: string, options: SpoolOptions): Spool | null {
    try {
      const database = openDatabase(file, options.durability)
      const [check] = database.pragma('quick_check(1)') as { quick_check: string }[]
      if (check?.quick_check !== 'ok') throw new AppError('AUDIT_UNAVAILABLE', 'Cannot read a spool: it is damaged')
      const row = database.prepare('select stream, session, server, upload_key as uploadKey from stream').get()
      return new Spool(row as SpoolStream, database, { file, maxBytes: options.maxBytes })
    } catch (error) {
      if (error instanceof Database.SqliteError && error.code === 'SQLITE_BUSY') return null
      if (!existsSync(file)) return null
      const aside = `${file}.broken`
      renameSync(file, aside)
      options.log.error('a spool is damaged and was set aside; the server will show the gap', { file: aside, error })
      return null
    }
  }

  private constructor(about: SpoolStream, database: Database.Database, place: { file: string; maxBytes: number }) {
    this.about = about
    this.#database = database
    this.#file = place.file
    this.#maxBytes = place.maxBytes
    this.#pageBytes = database.pragma('page_size', { simple: true }) as number
    this.#pageCount = database.prepare('pragma page_count')
    const insert = database.prepare('insert into links values (?, ?, ?, ?)')
    this.#insertAll = database.transaction((links: readonly Link[]) => {
      for (const { seq, body, prev, hash } of links) insert.run(seq, body, prev, hash)
    })
    const last = database.prepare('select seq, hash from links order by seq desc limit 1').get()
    this.#last = (last as Pick<Link, 'seq' | 'hash'> | undefined) ?? null
    this.#committedSeq = this.#last?.seq ?? 0
  }

  /** Everything up to here is durable. */
  get committedSeq(): number {
    return this.#committedSeq
  }

  /** Why nothing more can be recorded; null while it can. */
  get failure(): AppError | null {
    return this.#failure
  }

  listen(listener: SpoolListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Adds an entry; it is durable once `committedSeq` reaches the number returned. */
  append(entry: Entry): number {
    const link = nextLink(this.about.stream, this.#last, JSON.stringify(entry))
    this.#last = link
    this.#pending.push(link)
    if (!this.#isScheduled) {
      this.#isScheduled = true
      setImmediate(() => this.#commit())
    }
    return link.seq
  }

  /** Links that are not acknowledged yet, oldest first. */
  waiting(limit: number): readonly Link[] {
    const rows = this.#database
      .prepare(
        'select seq, body, prev, hash from links where seq > (select seq from acknowledged) order by seq limit ?',
      )
      .all(limit)
    return rows as Link[]
  }

  get waitingCount(): number {
    const row = this.#database
      .prepare('select count(*) as count from links where seq > (select seq from acknowledged)')
      .get()
    return (row as { count: number }).count
  }

  /** Kind of the newest entry; undefined for an empty stream. */
  get lastKind(): Entry['kind'] | undefined {
    const row = this.#database.prepare('select body from links order by seq desc limit 1').get()
    return row ? (JSON.parse((row as { body: string }).body) as Entry).kind : undefined
  }

  /** The server has it durably: links up to `seq` may go. The newest stays, because the next one follows from it. */
  acknowledge(seq: number): void {
    this.#database.transaction(() => {
      this.#database.prepare('update acknowledged set seq = max(seq, ?)').run(seq)
      this.#database.prepare('delete from links where seq <= ? and seq < (select max(seq) from links)').run(seq)
    })()
  }

  /** Commits what is left, and closes. A stream that has arrived as a whole leaves no file. */
  close(): void {
    this.#commit()
    const isDone = this.#failure === null && this.waitingCount === 0
    this.#database.close()
    if (isDone) for (const ending of ['', '-wal', '-shm', '-journal']) rmSync(`${this.#file}${ending}`, { force: true })
  }

  #commit(): void {
    this.#isScheduled = false
    const links = this.#pending
    this.#pending = []
    if (links.length === 0) return
    try {
      this.#write(links)
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#committedSeq = links.at(-1)?.seq ?? this.#committedSeq
    for (const listener of this.#listeners) listener.committed()
  }

  #write(links: readonly Link[]): void {
    if (this.#failure) throw this.#failure
    if (this.#usedBytes() > this.#maxBytes) {
      throw new AppError('SPOOL_FULL', 'Cannot record: the local spool is full', {
        hint: 'Let it reach the server: hoop status shows what is waiting',
      })
    }
    this.#insertAll(links)
  }

  /** Pages in use times their size; both statements were prepared once. */
  #usedBytes(): number {
    const { page_count: pages } = this.#pageCount.get() as { page_count: number }
    return pages * this.#pageBytes
  }

  #fail(error: unknown): void {
    const why = error instanceof Error ? error.message : 'no reason given'
    this.#failure ??=
      error instanceof AppError
        ? error
        : new AppError('AUDIT_UNAVAILABLE', `Cannot record: the local spool cannot be written (${why})`, {
            cause: error,
          })
    for (const listener of this.#listeners) listener.failed(this.#failure)
  }
}

/** Told after every commit, or once when nothing more can be recorded. */
export interface SpoolListener {
  committed(): void
  failed(error: AppError): void
}

function createDatabase(file: string, about: SpoolStream, durability: Durability): Database.Database {
  const database = openDatabase(file, durability)
  database.exec(`
    create table stream (stream text not null, session text not null, server text not null, upload_key text not null);
    create table links (seq integer primary key, body text not null, prev text not null, hash text not null);
    create table acknowledged (seq integer not null);
    insert into acknowledged values (0)`)
  const { stream, session, server, uploadKey } = about
  database.prepare('insert into stream values (?, ?, ?, ?)').run(stream, session, server, uploadKey)
  return database
}

function openDatabase(file: string, durability: Durability): Database.Database {
  const database = new Database(file, { timeout: 0 })
  try {
    database.pragma('locking_mode = EXCLUSIVE')
    database.pragma('journal_mode = WAL')
    database.pragma(`synchronous = ${durability === 'power' ? 'FULL' : 'NORMAL'}`)
    // Takes the lock now, not at the first write.
    database.exec('begin exclusive; commit')
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Files of streams in a directory, whoever holds them. */
export const spoolFile = new RegExp(`^str_[0-9A-Z]+\\${fileEnding}$`)
