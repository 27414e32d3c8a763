import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import { HoopCommand } from '../../base-command.ts'

export default class PolicyPull extends HoopCommand {
  static override summary = 'Fetch the published policy into a folder'
  static override examples = ['<%= config.bin %> policy pull ./policies']
  static override args = {
    folder: Args.string({ description: 'Folder to write to, new or empty', required: true }),
  }
  static override flags = {
    replace: Flags.boolean({ description: 'Write over files that are there' }),
  }

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(PolicyPull)
    const { openContext } = await import('../../../identity/session-client.ts')
    const { getPolicy } = await import('../../../api/policy.ts')
    const { writePolicyFolder } = await import('../../work/policy-folder.ts')
    const { api } = openContext(this.globals.context)
    const { version, files } = await api.call(getPolicy)
    await writePolicyFolder(args.folder, files, flags.replace)
    if (this.globals.output !== null) await this.printRecord(version)
    this.say(`✓ Version ${version.version} (${version.digest}) is in ${args.folder}.`, 'good')
  }
}
