import { HoopCommand } from '../base-command.ts'

export default class Whoami extends HoopCommand {
  static override summary = 'Show who you are signed in as, as the server sees it'
  static override examples = ['<%= config.bin %> whoami', '<%= config.bin %> whoami --json']

  override async run(): Promise<void> {
    await this.parse(Whoami)
    const { openContext } = await import('../../identity/session-client.ts')
    const { getMe } = await import('../../api/server.ts')
    const { api, context, name, source } = openContext(this.globals.context)
    const me = await api.call(getMe)
    await this.printRecord({ ...me, server: context.server, context: name, source })
  }
}
