import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import { HoopCommand } from '../../base-command.ts'

export default class ApprovalsApprove extends HoopCommand {
  static override summary = 'Let a statement of somebody else run: this exact SQL, once'
  static override examples = ['<%= config.bin %> approvals approve req_7K2MQ4XB --reason "checked on replica"']
  static override args = {
    request: Args.string({ description: 'Id of the request', required: true }),
  }
  static override flags = {
    reason: Flags.string({ description: 'Why you agree', default: '' }),
  }

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(ApprovalsApprove)
    const { openContext } = await import('../../../identity/session-client.ts')
    const { outcomeLine, voteOnApproval } = await import('../../work/approvals.ts')
    const { api } = openContext(this.globals.context)
    const approval = await voteOnApproval(api, args.request, { vote: 'approve', reason: flags.reason })
    if (this.globals.output !== null) await this.printRecord(approval)
    this.say(outcomeLine(approval), 'good')
  }
}
