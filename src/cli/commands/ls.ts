import { HoopCommand } from '../base-command.ts'

export default class Ls extends HoopCommand {
  static override summary = 'List the connections you may use'
  static override examples = ['<%= config.bin %> ls', '<%= config.bin %> ls --json']

  override async run(): Promise<void> {
    await this.parse(Ls)
    const { openContext } = await import('../../identity/session-client.ts')
    const { connectionListing, listConnections } = await import('../work/connections.ts')
    const { api } = openContext(this.globals.context)
    const connections = await listConnections(api)
    await this.printListing(connectionListing(connections))
    const [first] = connections.filter(({ granted }) => granted)
    this.say(
      first ? `Next:  hoop connect ${first.name}` : 'None is granted to you. An administrator can add a rule.',
      'quiet',
    )
  }
}
