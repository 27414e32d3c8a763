import * as Flags from '@oclif/core/flags'
import { HoopCommand } from '../../base-command.ts'

export default class ApprovalsLs extends HoopCommand {
  static override summary = 'List statements that wait for you, and your own requests'
  static override examples = ['<%= config.bin %> approvals ls', '<%= config.bin %> approvals ls --state all --json']
  static override flags = {
    state: Flags.option({
      description: 'Which ones',
      options: ['pending', 'approved', 'rejected', 'withdrawn', 'expired', 'spent', 'all'] as const,
      default: 'pending',
    })(),
  }

  override async run(): Promise<void> {
    const { flags } = await this.parse(ApprovalsLs)
    const { openContext } = await import('../../../identity/session-client.ts')
    const { approvalListing, listApprovals } = await import('../../work/approvals.ts')
    const { api } = openContext(this.globals.context)
    const approvals = await listApprovals(api, flags.state)
    await this.printListing(approvalListing(approvals, Date.now()))
    const [first] = approvals
    if (first) this.say(`Next:  hoop approvals show ${first.id}`, 'quiet')
  }
}
