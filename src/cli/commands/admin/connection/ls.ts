import { HoopCommand } from '../../../base-command.ts'

export default class AdminConnectionLs extends HoopCommand {
  static override summary = 'List every connection of the server'
  static override examples = ['<%= config.bin %> admin connection ls --json']

  override async run(): Promise<void> {
    await this.parse(AdminConnectionLs)
    const { openContext } = await import('../../../../identity/session-client.ts')
    const { connectionListing, listConnections } = await import('../../../work/connections.ts')
    const { api } = openContext(this.globals.context)
    await this.printListing(connectionListing(await listConnections(api)))
  }
}
