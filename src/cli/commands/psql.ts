import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import type { AppError } from '../../base/app-error.ts'
import { HoopCommand } from '../base-command.ts'

export default class Psql extends HoopCommand {
  static override summary = 'Open psql on a connection, through the guard'
  static override usage = ['psql CONNECTION', 'psql CONNECTION -- PSQL-ARGS']
  static override examples = [
    '<%= config.bin %> psql prod-db --reason "INC-4821"',
    "<%= config.bin %> psql prod-db -- -At -c 'select count(*) from orders'",
  ]
  static override takesRest = true
  static override args = { connection: Args.string({ description: 'Name of the connection', required: true }) }
  static override flags = {
    reason: Flags.string({ description: 'Why; it is recorded with every statement', default: '' }),
    ticket: Flags.string({ description: 'Ticket it belongs to', default: '', helpValue: 'ID' }),
    for: Flags.string({ description: 'How long, as in 1h; the server may give less', helpValue: 'TIME' }),
  }

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(Psql)
    const { parseDurationMs } = await import('../../base/duration.ts')
    const { psqlCommand } = await import('../work/psql-command.ts')
    const { runConnect } = await import('../work/run-connect.ts')
    const child = psqlCommand(process.env, this.rest ?? [])
    const { reason, ticket } = flags
    const forMs = flags.for === undefined ? undefined : parseDurationMs(flags.for)
    const exit = await runConnect(
      { context: this.globals.context, connection: args.connection, reason, ticket, forMs },
      { port: 0, readyFile: undefined, showSql: false, child },
      {
        isJson: false,
        isDebug: this.globals.isDebug,
        print: (line) => this.print(line),
        say: (line, tone) => this.say(line, tone),
      },
    )
    if (exit !== 0) this.exit(exit)
  }

  protected override exitOf(error: AppError | null, exit: number): number {
    return error !== null && 'childExit' in error ? Number(error.childExit) : exit
  }
}
