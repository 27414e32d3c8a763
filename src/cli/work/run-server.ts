import { systemClock, systemRandom } from '../../identity/system-clock.ts'
import { startServer } from '../../server/app.ts'
import type { ServerConfig } from '../../server/config.ts'
import type { Tone } from '../terminal.ts'
import { interruptSignal } from './interrupt-signal.ts'
import { talkLog } from './talk-log.ts'

export interface ServerOutput {
  readonly version: string
  readonly isDebug: boolean
  readonly say: (line: string, tone?: Tone) => void
}

/** Runs a server until it is told to stop, then answers what is under way and closes. */
export async function runServer(config: ServerConfig, output: ServerOutput): Promise<void> {
  const interrupt = interruptSignal()
  const server = await startServer(config, {
    clock: systemClock,
    random: systemRandom,
    log: talkLog((line) => output.say(line), output.isDebug),
    version: output.version,
    signIn: undefined,
    isDemo: false,
  })
  output.say(`✓ hoop server ${output.version} answers at ${server.url}. SIGTERM or Ctrl-C stops it.`, 'good')
  if (!interrupt.signal.aborted) {
    await new Promise((resolve) => interrupt.signal.addEventListener('abort', resolve, { once: true }))
  }
  output.say('Stopping: what is under way is answered first.')
  await server.close()
  interrupt.stop()
}
