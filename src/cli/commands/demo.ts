import * as Flags from '@oclif/core/flags'
import { HoopCommand } from '../base-command.ts'

export default class DemoCommand extends HoopCommand {
  static override summary = 'Start a database, a server and a policy on this machine, to try hoop with'
  static override description =
    'Everything listens on loopback only and lies in temporary folders; Ctrl-C stops and removes it. With --tour the whole story is told by itself.'
  static override examples = ['<%= config.bin %> demo', '<%= config.bin %> demo --tour']
  static override flags = {
    tour: Flags.boolean({ description: 'Go through everything unattended; fail where a step is not as promised' }),
    port: Flags.integer({ description: 'Port of the server; another one is taken when it is in use', default: 7410 }),
  }

  override async run(): Promise<void> {
    const { flags } = await this.parse(DemoCommand)
    const { runDemo } = await import('../../demo/run-demo.ts')
    await runDemo({
      tour: flags.tour,
      port: flags.tour ? 0 : flags.port,
      version: this.config.version,
      script: process.argv[1] ?? '',
      env: process.env,
      say: (line) => this.say(line),
      print: (line) => this.print(line),
    })
  }
}
