import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import type { LoggedIn } from '../../identity/log-in.ts'
import { HoopCommand } from '../base-command.ts'
import { Interrupted } from '../interrupted.ts'

export default class Login extends HoopCommand {
  static override summary = 'Sign in to a hoop server'
  static override description =
    'Opens the browser, and prints the address in case it does not. The browser must be on this machine: it comes back to a port here.'
  static override examples = [
    '<%= config.bin %> login https://hoop.example.com',
    '<%= config.bin %> login https://hoop.example.com --context prod',
    '<%= config.bin %> login --no-browser',
  ]
  static override args = {
    server: Args.string({
      description: 'Address of the server; by default the one of the context in use',
      name: 'URL',
    }),
  }
  static override flags = {
    'no-browser': Flags.boolean({
      description:
        'Print the address only; open it on this machine (a code to paste from another one is not there yet)',
    }),
    store: Flags.option({
      description: 'Where the sign-in is kept: the keychain, or a file only you can read',
      options: ['keychain', 'plaintext'] as const,
    })(),
  }

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(Login)
    const { knownServer, logIn } = await import('../../identity/log-in.ts')
    const { readPaths } = await import('../../identity/paths.ts')
    const { systemClock } = await import('../../identity/system-clock.ts')
    const { interruptSignal } = await import('../work/interrupt-signal.ts')
    const paths = readPaths(process.env)
    const server = args.server ?? knownServer(paths, this.globals.context, process.env)
    const interrupt = interruptSignal()
    try {
      const signedIn = await logIn({
        server,
        paths,
        clock: systemClock,
        contextName: this.globals.context,
        store: flags.store ?? 'auto',
        signal: interrupt.signal,
        onNoKeychain: () =>
          this.say('No usable keychain here: your sign-in will be kept in a file that only you can read.', 'waiting'),
        present: (url, redirectUri) => this.#present(url, redirectUri, !flags['no-browser']),
      })
      this.#report(signedIn)
    } catch (error) {
      if (interrupt.received === null) throw error
      this.say('Cancelled. Nothing was changed.')
      throw new Interrupted(interrupt.received)
    } finally {
      interrupt.stop()
    }
  }

  #report({ server, me, credential, contextName, store }: LoggedIn): void {
    const until = new Date(credential.endsAtMs).toTimeString().slice(0, 5)
    const where = store === 'keychain' ? 'keychain' : 'a file only you can read'
    this.say(
      `✓ Signed in to ${new URL(server).host} as ${me.email}. Session until ${until}. Stored in: ${where}. Context: ${contextName}.`,
      'good',
    )
    this.say('  Next:  hoop ls    hoop connect NAME', 'quiet')
    if (this.globals.output === 'json') this.printJson({ server, context: contextName, ...me, store })
  }

  async #present(url: string, redirectUri: string, wantsBrowser: boolean): Promise<void> {
    const { host } = new URL(url)
    this.say(
      wantsBrowser
        ? `Opening your browser to sign in at ${host} …  Not opening? Go to:`
        : `Sign in at ${host} in a browser on this machine:`,
    )
    this.say(`  ${url}`)
    this.say(`Waiting on ${new URL(redirectUri).host} for 5 minutes. Ctrl-C cancels.`, 'quiet')
    if (!wantsBrowser) return
    const { openBrowser } = await import('../work/open-browser.ts')
    await openBrowser(url)
  }
}
