import { HoopCommand } from '../../base-command.ts'

export default class ServerPassword extends HoopCommand {
  static override summary = 'Make the passwordHash of a person in a server configuration'
  static override description =
    'Reads the password as one line from stdin, so that it stands in no history and no process list.'
  static override examples = ['<%= config.bin %> server password < password.txt']

  override async run(): Promise<void> {
    await this.parse(ServerPassword)
    const { readPasswordHash } = await import('../../work/read-password-hash.ts')
    this.print(await readPasswordHash(process.stdin))
  }
}
