import * as Args from '@oclif/core/args'
import { HoopCommand } from '../../base-command.ts'

export default class PolicyPush extends HoopCommand {
  static override summary = 'Publish a folder of policies: checked first, and refused whole when anything is wrong'
  static override examples = ['<%= config.bin %> policy push ./policies']
  static override args = {
    folder: Args.string({ description: 'Folder with .cedar and .yaml files', required: true }),
  }

  override async run(): Promise<void> {
    const { args } = await this.parse(PolicyPush)
    const { readPolicyFolder } = await import('../../work/policy-folder.ts')
    const { files, leftOut } = await readPolicyFolder(args.folder)
    if (leftOut.length > 0) this.say(`Left out, being neither .cedar nor .yaml: ${leftOut.join(', ')}`, 'quiet')
    const { openContext } = await import('../../../identity/session-client.ts')
    const { pushPolicy } = await import('../../../api/policy.ts')
    const { api } = openContext(this.globals.context)
    const version = await api.call(pushPolicy, { body: { files } })
    if (this.globals.output !== null) await this.printRecord(version)
    this.say(
      `✓ Version ${version.version} is published: ${Object.keys(files).length} files, ${version.digest}.`,
      'good',
    )
    this.say('  Sessions that are open take it over with their next statement after a heartbeat.', 'quiet')
  }
}
