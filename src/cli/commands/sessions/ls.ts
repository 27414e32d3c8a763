import * as Flags from '@oclif/core/flags'
import { HoopCommand } from '../../base-command.ts'

export default class SessionsLs extends HoopCommand {
  static override summary = 'List open sessions: yours, or everybody’s for an administrator'
  static override examples = ['<%= config.bin %> sessions ls', '<%= config.bin %> sessions ls --state all --json']
  static override flags = {
    state: Flags.option({ description: 'Which ones', options: ['live', 'ended', 'all'] as const, default: 'live' })(),
  }

  override async run(): Promise<void> {
    const { flags } = await this.parse(SessionsLs)
    const { openContext } = await import('../../../identity/session-client.ts')
    const { listSessions, sessionListing } = await import('../../work/sessions.ts')
    const { api } = openContext(this.globals.context)
    await this.printListing(sessionListing(await listSessions(api, flags.state), Date.now()))
  }
}
