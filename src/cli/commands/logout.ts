import { HoopCommand } from '../base-command.ts'

export default class Logout extends HoopCommand {
  static override summary = 'Sign out, here and at the server'
  static override examples = ['<%= config.bin %> logout', '<%= config.bin %> logout -C staging']

  override async run(): Promise<void> {
    await this.parse(Logout)
    const { openContext } = await import('../../identity/session-client.ts')
    const { logOut } = await import('../../identity/log-out.ts')
    const opened = openContext(this.globals.context)
    await logOut(opened)
    this.say(`✓ Signed out of ${new URL(opened.context.server).host} (context ${opened.name}).`, 'good')
  }
}
