import * as Args from '@oclif/core/args'
import { HoopCommand } from '../base-command.ts'

export default class Show extends HoopCommand {
  static override summary = 'Show one connection and your open sessions on it'
  static override examples = ['<%= config.bin %> show prod-db']
  static override args = {
    connection: Args.string({ description: 'Name of the connection', required: true }),
  }

  override async run(): Promise<void> {
    const { args } = await this.parse(Show)
    const { openContext } = await import('../../identity/session-client.ts')
    const { findConnection } = await import('../work/connections.ts')
    const { listSessions } = await import('../work/sessions.ts')
    const { api } = openContext(this.globals.context)
    const connection = await findConnection(api, args.connection)
    const sessions = (await listSessions(api, 'live')).filter((session) => session.connection === connection.name)
    await this.printRecord({ ...connection, sessions: sessions.map(({ id }) => id) })
    if (connection.granted) this.say(`Next:  hoop connect ${connection.name}`, 'quiet')
  }
}
