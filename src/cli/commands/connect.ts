import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import type { AppError } from '../../base/app-error.ts'
import { HoopCommand } from '../base-command.ts'

export default class Connect extends HoopCommand {
  static override summary = 'Open a guarded local port to a database, or run a program with one'
  static override description =
    'Without a program the port stays open until Ctrl-C, and each statement is told in one line. With -- CMD the ' +
    'program finds PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSFILE, PGSSLMODE, PGSERVICEFILE and DATABASE_URL in its ' +
    'environment; its exit code is the exit code, 125 when hoop itself failed, 126 and 127 when it cannot be run.'
  static override usage = ['connect CONNECTION', 'connect CONNECTION -- CMD [ARGS]']
  static override examples = [
    '<%= config.bin %> connect prod-db --reason "INC-4821 stuck orders"',
    '<%= config.bin %> connect prod-db -- npm run migrate',
    '<%= config.bin %> connect prod-db -o jsonl --ready-file ./ready.json',
  ]
  static override takesRest = true
  static override args = { connection: Args.string({ description: 'Name of the connection', required: true }) }
  static override flags = {
    port: Flags.integer({ description: 'Local port; 0 for any free one', min: 0, max: 65_535 }),
    reason: Flags.string({ description: 'Why; it is recorded with every statement', default: '' }),
    ticket: Flags.string({ description: 'Ticket it belongs to', default: '', helpValue: 'ID' }),
    for: Flags.string({ description: 'How long, as in 1h; the server may give less', helpValue: 'TIME' }),
    'ready-file': Flags.string({ description: 'File to write when the database has answered', helpValue: 'FILE' }),
    'show-sql': Flags.boolean({ description: 'Tell the text of each statement too' }),
  }

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(Connect)
    const { parseDurationMs } = await import('../../base/duration.ts')
    const { runConnect } = await import('../work/run-connect.ts')
    const { reason, ticket } = flags
    const forMs = flags.for === undefined ? undefined : parseDurationMs(flags.for)
    const isDrawn = !this.globals.isPlain && !this.globals.isQuiet && this.rest === null && this.globals.output === null
    const view = isDrawn ? await this.#draw() : undefined
    const exit = await runConnect(
      { context: this.globals.context, connection: args.connection, reason, ticket, forMs },
      {
        port: flags.port,
        readyFile: flags['ready-file'],
        showSql: flags['show-sql'],
        child: this.rest !== null && this.rest.length > 0 ? this.rest : null,
      },
      {
        isJson: this.globals.output === 'json' || this.globals.output === 'jsonl',
        isDebug: this.globals.isDebug,
        print: (line) => this.print(line),
        say: (line, tone) => (view ? view.say(line, tone) : this.say(line, tone)),
        ...(view ? { onEvent: view.onEvent } : {}),
      },
    ).finally(() => view?.close())
    if (exit !== 0) this.exit(exit)
  }

  /** On a terminal: a line that stays below what is said. */
  async #draw(): Promise<import('../work/connect-screen.ts').ConnectScreen> {
    const { openConnectScreen } = await import('../work/connect-screen.ts')
    return openConnectScreen(process.stderr)
  }

  /** A script must tell a failure of hoop from one of its program. */
  protected override exitOf(error: AppError | null, exit: number): number {
    if (this.rest === null) return exit
    return error !== null && 'childExit' in error ? Number(error.childExit) : 125
  }
}
