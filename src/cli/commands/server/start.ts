import * as Flags from '@oclif/core/flags'
import { HoopCommand } from '../../base-command.ts'

export default class ServerStart extends HoopCommand {
  static override summary = 'Run a server in the foreground until SIGTERM or Ctrl-C'
  static override examples = ['<%= config.bin %> server start --config ./hoop-server.yaml']
  static override flags = {
    config: Flags.string({ description: 'Configuration file', default: 'hoop-server.yaml', helpValue: 'FILE' }),
  }

  override async run(): Promise<void> {
    const { flags } = await this.parse(ServerStart)
    const { loadServerConfig } = await import('../../work/server-config-file.ts')
    const config = loadServerConfig(flags.config)
    const { runServer } = await import('../../work/run-server.ts')
    await runServer(config, {
      version: this.config.version,
      isDebug: this.globals.isDebug,
      say: (line, tone) => this.say(line, tone),
    })
  }
}
