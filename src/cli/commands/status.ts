import { HoopCommand } from '../base-command.ts'

export default class Status extends HoopCommand {
  static override summary = 'Show the context in use, how long you are signed in, and what waits to be uploaded'
  static override examples = ['<%= config.bin %> status', '<%= config.bin %> status --json']

  override async run(): Promise<void> {
    await this.parse(Status)
    const { openContext } = await import('../../identity/session-client.ts')
    const { describeStatus } = await import('../work/status.ts')
    await this.printRecord({ ...(await describeStatus(openContext(this.globals.context))) })
  }
}
