import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import { HoopCommand } from '../../base-command.ts'

export default class ApprovalsReject extends HoopCommand {
  static override summary = 'Refuse a statement of somebody else'
  static override examples = ['<%= config.bin %> approvals reject req_7K2MQ4XB --reason "checked on replica"']
  static override args = {
    request: Args.string({ description: 'Id of the request', required: true }),
  }
  static override flags = {
    reason: Flags.string({ description: 'Why not; the requester reads it', default: '' }),
  }

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(ApprovalsReject)
    const { openContext } = await import('../../../identity/session-client.ts')
    const { outcomeLine, voteOnApproval } = await import('../../work/approvals.ts')
    const { api } = openContext(this.globals.context)
    const approval = await voteOnApproval(api, args.request, { vote: 'reject', reason: flags.reason })
    if (this.globals.output !== null) await this.printRecord(approval)
    this.say(outcomeLine(approval), 'good')
  }
}
