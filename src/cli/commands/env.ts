import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import { HoopCommand } from '../base-command.ts'

export default class Env extends HoopCommand {
  static override summary = 'Print the variables with which programs find an open session'
  static override description =
    'libpq takes the password from PGPASSFILE; in DATABASE_URL it stands on a terminal, or with --show-password.'
  static override examples = [
    'eval "$(<%= config.bin %> env prod-db)"',
    '<%= config.bin %> env prod-db --format dotenv',
  ]
  static override args = { connection: Args.string({ description: 'Name of the connection', required: true }) }
  static override flags = {
    format: Flags.option({ description: 'Who reads it', options: ['shell', 'dotenv'] as const, default: 'shell' })(),
    'show-password': Flags.boolean({ description: 'Put the password in, whoever reads stdout' }),
  }

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(Env)
    const { findLiveSession } = await import('../work/find-live-session.ts')
    const { environmentLines } = await import('../work/session-address.ts')
    const session = findLiveSession(args.connection, this.globals.context)
    const password = this.stdout.isTty || flags['show-password'] ? session.password().reveal() : undefined
    this.print(...environmentLines(session, flags.format, password))
    if (password === undefined) {
      this.say('DATABASE_URL is without its password; add --show-password for programs that are not libpq.', 'quiet')
    }
  }
}
