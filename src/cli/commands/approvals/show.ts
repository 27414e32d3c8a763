import * as Args from '@oclif/core/args'
import { HoopCommand } from '../../base-command.ts'

export default class ApprovalsShow extends HoopCommand {
  static override summary = 'Show the exact SQL of a request, who asks and why'
  static override examples = ['<%= config.bin %> approvals show req_7K2MQ4XB']
  static override args = {
    request: Args.string({ description: 'Id of the request', required: true }),
  }

  override async run(): Promise<void> {
    const { args } = await this.parse(ApprovalsShow)
    const { openContext } = await import('../../../identity/session-client.ts')
    const { getApproval } = await import('../../work/approvals.ts')
    const { api } = openContext(this.globals.context)
    const approval = await getApproval(api, args.request)
    await this.printRecord(approval)
    if (approval.state === 'pending') this.say(`Next:  hoop approvals approve ${approval.id}`, 'quiet')
  }
}
