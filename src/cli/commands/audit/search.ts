import * as Flags from '@oclif/core/flags'
import { HoopCommand } from '../../base-command.ts'

export default class AuditSearch extends HoopCommand {
  static override summary = 'Find statements: who, when, why, what, verdict, rule, rows'
  static override examples = [
    '<%= config.bin %> audit search --conn prod-db --since 24h --verdict denied',
    '<%= config.bin %> audit search --who ana@acme.io --text salaries -o csv',
  ]
  static override flags = {
    conn: Flags.string({ description: 'Connection', helpValue: 'NAME' }),
    who: Flags.string({ description: 'E-mail or subject', helpValue: 'WHO' }),
    verdict: Flags.option({
      description: 'What was decided',
      options: ['allowed', 'denied', 'held', 'approved'] as const,
    })(),
    rule: Flags.string({ description: 'Rule that took part', helpValue: 'ID' }),
    text: Flags.string({ description: 'Words of the statement or of object names', helpValue: 'WORDS' }),
    reason: Flags.string({ description: 'Words of the reason given', helpValue: 'WORDS' }),
    session: Flags.string({ description: 'Session', helpValue: 'ID' }),
    since: Flags.string({ description: 'From when on: 24h, 2026-11-22, 2026-11-22T15:04Z', helpValue: 'WHEN' }),
    until: Flags.string({ description: 'Until when', helpValue: 'WHEN' }),
    limit: Flags.integer({ description: 'How many at most', default: 50, min: 1, max: 500 }),
    cursor: Flags.string({ description: 'Go on where a page before ended', helpValue: 'CURSOR' }),
  }

  override async run(): Promise<void> {
    const { flags } = await this.parse(AuditSearch)
    const { auditListing, instantMs, searchAudit } = await import('../../work/audit.ts')
    const nowMs = Date.now()
    const { conn: connection, who, verdict, rule, text, reason, session, limit, cursor } = flags
    const search = {
      ...{ connection, who, verdict, rule, text, reason, session, limit, cursor },
      sinceMs: flags.since === undefined ? undefined : instantMs(flags.since, nowMs),
      untilMs: flags.until === undefined ? undefined : instantMs(flags.until, nowMs),
    }
    const { openContext } = await import('../../../identity/session-client.ts')
    const { api } = openContext(this.globals.context)
    const page = await searchAudit(api, search)
    await this.printListing(auditListing(page.records, nowMs))
    const count = page.records.length
    this.say(`${count} ${count === 1 ? 'record' : 'records'}. The whole of one: hoop audit show ID.`, 'quiet')
    if (page.next !== null) this.say(`Older ones: the same with --cursor ${page.next}`, 'quiet')
  }
}
