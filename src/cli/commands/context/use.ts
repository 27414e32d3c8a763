import * as Args from '@oclif/core/args'
import { HoopCommand } from '../../base-command.ts'

export default class ContextUse extends HoopCommand {
  static override summary = 'Make a context the current one'
  static override examples = ['<%= config.bin %> context use staging']
  static override args = { name: Args.string({ description: 'Context', required: true }) }

  override async run(): Promise<void> {
    const { args } = await this.parse(ContextUse)
    const { chooseContext } = await import('../../work/contexts.ts')
    chooseContext(process.env, args.name)
    this.say(`✓ Current context: ${args.name}.`, 'good')
  }
}
