import * as Args from '@oclif/core/args'
import { HoopCommand } from '../../base-command.ts'

export default class ServerInit extends HoopCommand {
  static override summary = 'Write a first configuration of a server, with a comment at every key'
  static override examples = ['<%= config.bin %> server init ./hoop-server.yaml']
  static override args = { file: Args.string({ description: 'File to write', default: 'hoop-server.yaml' }) }

  override async run(): Promise<void> {
    const { args } = await this.parse(ServerInit)
    const { writeServerConfig } = await import('../../work/server-config-file.ts')
    const { email, password } = await writeServerConfig(args.file)
    this.say(`✓ ${args.file} is written. Go through it, then:  hoop server start --config ${args.file}`, 'good')
    this.say(`  First sign-in: ${email}, password ${password.reveal()}  (shown once; only its hash is in the file)`)
  }
}
