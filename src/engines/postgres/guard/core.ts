import type { TransactionStatus } from '../wire/backend-messages.ts'
import { Ledger } from './ledger.ts'
import type { ClientStartup } from './local-handshake.ts'
import { Outbox } from './outbox.ts'
import type { GuardPorts } from './port.ts'
import { Recorder } from './recorder.ts'
import { encodeFatal } from './refusal.ts'
import { Registry } from './registry.ts'
import type { Run } from './run.ts'

/** What the two halves of a guard share: what was promised, what is known, and what is to be done. */
export class Core {
  readonly ports: GuardPorts
  readonly startup: ClientStartup
  readonly outbox = new Outbox()
  readonly ledger = new Ledger()
  readonly registry = new Registry()
  readonly recorder: Recorder
  /** What the server last said in a ReadyForQuery. */
  status: TransactionStatus = 'I'
  /** Extended messages went out that no Sync has closed: an implicit transaction may be open. */
  hasUnsynced = false
  /** A statement of this transaction has classified columns in scope: reports are scrubbed until it ends. */
  isSensitive = false
  /** Record of the newest statement with classified columns in scope. */
  sensitiveEvent = ''
  /** A statement of this transaction has changed the catalog: others see that only when it ends. */
  hasChangedCatalog = false
  isClosed = false

  constructor(ports: GuardPorts, startup: ClientStartup, backendPid: number) {
    this.ports = ports
    this.startup = startup
    this.recorder = new Recorder(ports, this.outbox, backendPid)
  }

  /** Nothing is under way at the server, so a question or a refusal of ours disturbs nobody. */
  get isQuiet(): boolean {
    return this.ledger.isEmpty && !this.hasUnsynced
  }

  /** From now on, and until the transaction ends, reports of the server may quote classified values. */
  noticeSensitive(run: Run): void {
    if (!run.decision.isSensitive) return
    this.isSensitive = true
    this.sensitiveEvent = run.event
  }

  /** Ends both sides. Statements the server has not answered are recorded as lost. */
  fatal(sqlstate: string, message: string): void {
    if (this.isClosed) return
    this.loseRuns()
    this.outbox.send('client', encodeFatal(sqlstate, `hoop: ${message}`), 0)
    this.close(message)
  }

  close(why: string): void {
    if (this.isClosed) return
    this.isClosed = true
    this.outbox.add({ kind: 'close', why })
  }

  loseRuns(): void {
    for (const run of this.ledger.unsettledRuns()) {
      this.recorder.finished(run, { outcome: 'lost', sqlstate: '', rowsAffected: 0 })
    }
    for (const portal of this.registry.portals.values()) {
      if (portal.run) this.recorder.finished(portal.run, { outcome: 'completed', sqlstate: '', rowsAffected: 0 })
    }
  }

  /** Says what stands at the head of the ledger for us to say. */
  speak(): void {
    for (let head = this.ledger.head; head?.kind === 'say'; head = this.ledger.head) {
      this.outbox.send('client', head.bytes, head.after)
      this.ledger.settle()
    }
  }
}
