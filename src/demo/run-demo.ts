import type { Log } from '../base/ports.ts'
import { changeConfig, readConfig } from '../identity/contexts.ts'
import { openCredentialStore } from '../identity/credential-store.ts'
import { readPaths } from '../identity/paths.ts'
import { demoPeople } from './demo-people.ts'
import { type Demo, demoConnection, startDemo } from './start-demo.ts'
import { runTour } from './tour.ts'

/** What `hoop demo` was asked for. */
export interface RunDemoOptions {
  readonly tour: boolean
  readonly port: number
  readonly version: string
  /** The command's own script, for the tour. */
  readonly script: string
  readonly env: NodeJS.ProcessEnv
  readonly say: (line: string) => void
  readonly print: (line: string) => void
}

/** Starts a demo and stays until it is told to stop, or until the tour is over. */
export async function runDemo(options: RunDemoOptions): Promise<void> {
  const startedMs = performance.now()
  const demo = await startDemo({
    version: options.version,
    port: options.port,
    log: quietLog(options.say),
    onStep: () => undefined,
  })
  options.say(
    `✓ hoop demo is up in ${((performance.now() - startedMs) / 1_000).toFixed(1)} s. Nothing leaves this machine; its data go with it.`,
  )
  try {
    if (options.tour) return await runTour({ demo, script: options.script, print: options.print })
    for (const line of whatToTry(demo, options.env)) options.say(line)
    await untilStopped()
    options.say('Stopping …')
  } finally {
    await demo.stop()
    await forgetContexts(demo.url, options.env)
  }
}

/** Only what exists, ready to be pasted. */
function whatToTry({ url, postgres }: Demo, env: NodeJS.ProcessEnv): readonly string[] {
  const hoop = env['npm_lifecycle_event'] === undefined && env['npm_command'] === undefined ? 'hoop' : 'npx hoop'
  const as = (who: string): string => `${hoop} -C ${who}`
  return [
    `  Server    ${url}    database  PostgreSQL on 127.0.0.1:${postgres.port} (${postgres.origin})`,
    `  People    ${demoPeople.map(({ sub, note }) => `${sub} (${note})`).join('\n            ')}`,
    '',
    '  In another terminal, in this folder:',
    `  1  ${hoop} login ${url} --context developer          press "developer" in the browser`,
    `  2  ${as('developer')} exec ${demoConnection} -- 'select id, name, email, card from customers order by id limit 3'`,
    `  3  ${as('developer')} exec ${demoConnection} -- 'delete from orders'                       see a guardrail`,
    `  4  ${as('developer')} psql ${demoConnection}                                               any client works`,
    `  5  ${as('developer')} exec ${demoConnection} --wait 5m -- 'update employees set salary = 60000 where id = 7'`,
    `     ${hoop} login ${url} --context approver           press "approver"; then, with the id that 5 shows:`,
    `     ${as('approver')} approvals approve req_…`,
    `  6  ${hoop} login ${url} --context auditor            press "auditor"`,
    `     ${as('auditor')} audit search                                                     who, when, why, what`,
    '',
    '  Ctrl-C stops the demo and removes everything.',
  ]
}

function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve())
  })
}

/** Contexts that lead to a server that is gone would only confuse. */
async function forgetContexts(url: string, env: NodeJS.ProcessEnv): Promise<void> {
  const paths = readPaths(env)
  const mine = Object.entries(readConfig(paths).contexts).filter(([, { server }]) => server === url)
  for (const [name, context] of mine) {
    // A keychain that is locked by now keeps a key to nothing.
    await openCredentialStore(paths, name, context)
      .remove()
      .catch(() => undefined)
  }
  if (mine.length === 0) return
  const gone = new Set(mine.map(([name]) => name))
  changeConfig(paths, ({ current, contexts }) => ({
    ...(current !== undefined && !gone.has(current) ? { current } : {}),
    contexts: Object.fromEntries(Object.entries(contexts).filter(([name]) => !gone.has(name))),
  }))
}

function quietLog(say: (line: string) => void): Log {
  const nothing = (): void => undefined
  return { debug: nothing, info: nothing, warn: nothing, error: (message) => say(`! ${message}`) }
}
