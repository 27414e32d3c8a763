import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import { HoopCommand } from '../../base-command.ts'

export default class SessionsStop extends HoopCommand {
  static override summary = 'End a session at once, wherever it runs'
  static override examples = ['<%= config.bin %> sessions stop ses_01JD8Q --reason "left open by mistake"']
  static override args = {
    session: Args.string({ description: 'Id of the session', required: true }),
  }
  static override flags = {
    reason: Flags.string({ description: 'Why; the person at the session is told', default: '' }),
  }

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(SessionsStop)
    const { openContext } = await import('../../../identity/session-client.ts')
    const { stopSession } = await import('../../work/sessions.ts')
    const { api } = openContext(this.globals.context)
    await stopSession(api, args.session, flags.reason)
    this.say(`✓ ${args.session} is stopped. Its database role is gone.`, 'good')
  }
}
