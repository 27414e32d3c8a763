import * as Args from '@oclif/core/args'
import { HoopCommand } from '../../base-command.ts'

export default class ContextRm extends HoopCommand {
  static override summary = 'Forget a context, its sign-in and its pinned key'
  static override description = 'The server is not told: use logout for that.'
  static override examples = ['<%= config.bin %> context rm staging']
  static override args = { name: Args.string({ description: 'Context', required: true }) }

  override async run(): Promise<void> {
    const { args } = await this.parse(ContextRm)
    const { forgetContext } = await import('../../work/contexts.ts')
    await forgetContext(process.env, args.name)
    this.say(`✓ Forgotten: ${args.name}.`, 'good')
  }
}
