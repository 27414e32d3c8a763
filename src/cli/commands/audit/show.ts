import * as Args from '@oclif/core/args'
import { HoopCommand } from '../../base-command.ts'

export default class AuditShow extends HoopCommand {
  static override summary = 'Show all that is recorded about one statement'
  static override examples = ['<%= config.bin %> audit show evt_01JD8Q -o json']
  static override args = {
    record: Args.string({ description: 'Id of the record', required: true }),
  }

  override async run(): Promise<void> {
    const { args } = await this.parse(AuditShow)
    const { openContext } = await import('../../../identity/session-client.ts')
    const { getRecord } = await import('../../work/audit.ts')
    const { api } = openContext(this.globals.context)
    await this.printRecord(await getRecord(api, args.record))
  }
}
