import { probeKeychain, systemKeychain } from '../../../src/identity/keychain.ts'

/** Asks the keychain of the session it is started in, and prints what came of it as one line of JSON. */
const startedAt = performance.now()
const problem = await probeKeychain()
const said: Record<string, unknown> = { probe: problem?.message ?? 'works' }
if (problem === null) {
  await systemKeychain.set('test', 'a value\nof two lines, \u2713')
  said['value'] = await systemKeychain.get('test')
  await systemKeychain.delete('test')
  said['after'] = await systemKeychain.get('test')
}
said['ms'] = Math.round(performance.now() - startedAt)
process.stdout.write(`${JSON.stringify(said)}\n`)
