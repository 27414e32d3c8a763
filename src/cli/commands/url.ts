import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import { HoopCommand } from '../base-command.ts'

export default class Url extends HoopCommand {
  static override summary = 'Print the address of an open session, for a client to be pointed at'
  static override description =
    'The password of the session is in it on a terminal, or with --show-password. It dies with the session.'
  static override examples = ['<%= config.bin %> url prod-db', '<%= config.bin %> url prod-db --format jdbc']
  static override args = { connection: Args.string({ description: 'Name of the connection', required: true }) }
  static override flags = {
    format: Flags.option({
      description: 'Kind of client it is for',
      options: ['uri', 'jdbc', 'dsn', 'service'] as const,
      default: 'uri',
    })(),
    'show-password': Flags.boolean({ description: 'Put the password in, whoever reads stdout' }),
  }

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(Url)
    const { findLiveSession } = await import('../work/find-live-session.ts')
    const { sessionAddress } = await import('../work/session-address.ts')
    const session = findLiveSession(args.connection, this.globals.context)
    const password = this.stdout.isTty || flags['show-password'] ? session.password().reveal() : undefined
    const url = sessionAddress(session, flags.format, password)
    if (this.globals.output === 'json' || this.globals.output === 'jsonl') {
      const { session: id, host, port, database, user, passFile, serviceFile } = session
      return this.printJson({ url, session: id, host, port, database, user, passFile, serviceFile })
    }
    this.print(url)
    if (flags.format === 'service') this.say(`Set PGSERVICEFILE=${session.serviceFile} for it.`, 'quiet')
    else if (password === undefined && flags.format !== 'dsn') {
      this.say(`Without its password: that is in ${session.passFile}, or add --show-password.`, 'quiet')
    }
  }
}
