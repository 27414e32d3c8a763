import { HoopCommand } from '../../base-command.ts'

export default class ContextLs extends HoopCommand {
  static override summary = 'List servers and people you are signed in as'
  static override examples = ['<%= config.bin %> context ls']

  override async run(): Promise<void> {
    await this.parse(ContextLs)
    const { listContexts } = await import('../../work/contexts.ts')
    await this.printListing(listContexts(process.env))
  }
}
