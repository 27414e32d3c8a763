import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import { HoopCommand } from '../base-command.ts'

export default class Exec extends HoopCommand {
  static override summary = 'Run SQL through the guard and print what it returns'
  static override description =
    'SQL comes after --, from -f FILE, or from stdin; one of them. Statements run one after another and stop at the ' +
    'first error. Exit codes: hoop help exit-codes.'
  static override usage = ['exec CONNECTION [-- SQL]', 'exec CONNECTION -f FILE', 'exec CONNECTION < FILE']
  static override examples = [
    "<%= config.bin %> exec prod-db -- 'select id, email from orders limit 2'",
    '<%= config.bin %> exec prod-db -f fix.sql --reason "INC-4821" --wait 10m',
    "<%= config.bin %> exec prod-db -o json -- 'select count(*) from orders'",
  ]
  static override takesRest = true
  static override args = { connection: Args.string({ description: 'Name of the connection', required: true }) }
  static override flags = {
    file: Flags.string({ char: 'f', description: 'File with SQL; - for stdin', helpValue: 'FILE' }),
    reason: Flags.string({ description: 'Why; it is recorded with every statement', default: '' }),
    ticket: Flags.string({ description: 'Ticket it belongs to', default: '', helpValue: 'ID' }),
    'max-rows': Flags.integer({ description: 'Most rows of one statement; 0 for all', default: 1000, min: 0 }),
    timeout: Flags.string({ description: 'Longest run of one statement, as in 30s', helpValue: 'TIME' }),
    wait: Flags.string({ description: 'Longest wait for an approval', default: '10m', helpValue: 'TIME' }),
    'no-wait': Flags.boolean({ description: 'Do not wait for an approval: exit 7 instead', exclusive: ['wait'] }),
    'allow-partial': Flags.boolean({ description: 'A result cut at --max-rows is no failure' }),
  }

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(Exec)
    const { parseDurationMs } = await import('../../base/duration.ts')
    const { readSql } = await import('../work/read-sql.ts')
    const limits = {
      maxRows: flags['max-rows'],
      timeoutMs: flags.timeout === undefined ? null : parseDurationMs(flags.timeout),
      waitMs: flags['no-wait'] ? 0 : parseDurationMs(flags.wait),
    }
    const statements = await readSql({ rest: this.rest, file: flags.file, isTty: process.stdin.isTTY === true })
    const { runExec } = await import('../work/run-exec.ts')
    const { reason, ticket } = flags
    await runExec(
      { context: this.globals.context, connection: args.connection, reason, ticket },
      { ...limits, statements, mayBePartial: flags['allow-partial'] },
      {
        format: this.format,
        isTty: this.stdout.isTty,
        isDebug: this.globals.isDebug,
        say: (line, tone) => this.say(line, tone),
      },
    )
  }
}
