import { HoopCommand } from '../base-command.ts'

export default class Version extends HoopCommand {
  static override summary = 'Say which hoop this is'
  static override examples = ['<%= config.bin %> version -o json']

  override async run(): Promise<void> {
    await this.parse(Version)
    const { version, userAgent, arch, platform } = this.config
    if (this.format === 'json' || this.format === 'jsonl') {
      this.printJson({ version, node: process.versions.node, platform, arch })
    } else {
      this.print(userAgent)
    }
  }
}
