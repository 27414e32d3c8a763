import { openContext } from '../../../src/identity/session-client.ts'
import { createTokenSource } from '../../../src/identity/token-source.ts'

/**
 * A process that needs a token. It says `ready`, waits for a line, then prints the token or the code of the error. With
 * `die-before-saving` it stops for good between the issuer's answer and the write.
 */
const opened = openContext(undefined)
const { paths, name, context, credentials } = opened
const store =
  process.argv[2] === 'die-before-saving'
    ? {
        ...credentials,
        write: () => {
          process.stdout.write('saving\n')
          return new Promise<never>(() => undefined)
        },
      }
    : credentials
const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() }
const source = createTokenSource({ paths, name, context, store, clock })

// So that a promise that never settles does not end the process.
setInterval(() => undefined, 1_000)
process.stdout.write('ready\n')
process.stdin.once('data', async () => {
  const said = await source.accessToken().catch((error: { code?: string }) => `error ${error.code}`)
  process.stdout.write(`${said}\n`, () => process.exit())
})
