import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import { HoopCommand } from '../../../base-command.ts'

export default class AdminConnectionCreate extends HoopCommand {
  static override summary = 'Add a database, from flags or a YAML file'
  static override description =
    'The password is read from a file, a variable or stdin, never from the command line. With --admin-user every ' +
    'session gets a role of its own with the rights of --template; with --user all share that one.'
  static override examples = [
    '<%= config.bin %> admin connection create prod-db --host db.acme.io --database shop --env prod --admin-user hoop_admin --template app_ro --password-file ./admin-password',
    '<%= config.bin %> admin connection create stage-db -f stage-db.yaml --password-env STAGE_PASSWORD',
  ]
  static override args = { name: Args.string({ description: 'Name of the connection', required: true }) }
  static override flags = {
    file: Flags.string({ char: 'f', description: 'YAML file; flags win over it', helpValue: 'FILE|-' }),
    host: Flags.string({ description: 'Host of the database' }),
    port: Flags.integer({ description: 'Its port; 5432 unless told', min: 1, max: 65_535 }),
    database: Flags.string({ description: 'Name of the database' }),
    env: Flags.string({ description: 'Environment, as in prod or stage' }),
    sslmode: Flags.string({ description: 'As in libpq; verify-full unless told' }),
    'ca-file': Flags.string({ description: 'PEM of the certificate authority', helpValue: 'FILE' }),
    'admin-user': Flags.string({ description: 'Role that makes a role per session' }),
    template: Flags.string({ description: 'Role whose rights each session’s role gets' }),
    user: Flags.string({ description: 'Fixed role, shared by all sessions' }),
    'password-file': Flags.string({ description: 'File with the password', helpValue: 'FILE' }),
    'password-env': Flags.string({ description: 'Variable with the password', helpValue: 'NAME' }),
    'password-stdin': Flags.boolean({ description: 'Read the password from stdin' }),
    placement: Flags.string({ description: 'Where the proxy runs: local or relay' }),
    durability: Flags.string({ description: 'What a record must survive: process or power' }),
    'session-for': Flags.string({ description: 'Longest session, as in 1h' }),
    'offline-for': Flags.string({ description: 'How long a session goes on without the server, as in 15m' }),
    replace: Flags.boolean({ description: 'Replace the connection of that name' }),
  }

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(AdminConnectionCreate)
    const { buildConnection, readPassword } = await import('../../../work/connection-input.ts')
    const password = await readPassword({
      file: flags['password-file'],
      variable: flags['password-env'],
      isStdin: flags['password-stdin'] || undefined,
    })
    const given = {
      ...flags,
      environment: flags.env,
      caFile: flags['ca-file'],
      adminUser: flags['admin-user'],
      sessionFor: flags['session-for'],
      offlineFor: flags['offline-for'],
    }
    const input = await buildConnection(args.name, given, { file: flags.file, password })
    const { openContext } = await import('../../../../identity/session-client.ts')
    const { saveConnection } = await import('../../../work/connections.ts')
    const { api } = openContext(this.globals.context)
    const connection = await saveConnection(api, input, flags.replace)
    if (this.globals.output !== null) await this.printRecord(connection)
    this.say(`✓ ${connection.name} is saved. Who may use it is a matter of policy: hoop policy push DIR.`, 'good')
  }
}
