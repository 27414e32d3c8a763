// One call to the keychain, in a process of its own: the library's calls block, and a keychain that never answers (a D-Bus that
// hangs, an unlock prompt that nobody sees) can then be ended. A worker thread in such a call would keep its process alive.
import { Entry } from '@napi-rs/keyring'

const chunks = []
for await (const chunk of process.stdin) chunks.push(chunk)
const { account, operation, value } = JSON.parse(Buffer.concat(chunks).toString('utf8'))
process.stdout.write(JSON.stringify(perform()))

function perform() {
  try {
    // On Linux the secret service by name: the library's fallback is the kernel's keyring, which forgets at reboot.
    const options = process.platform === 'linux' ? { linux: { store: 'secret-service' } } : undefined
    const entry = new Entry('hoop', account, options)
    if (operation === 'get') return { value: entry.getPassword() }
    if (operation === 'set') entry.setPassword(value)
    if (operation === 'delete') entry.deletePassword()
    if (operation !== 'probe') return { value: null }
    entry.setPassword(value)
    const read = entry.getPassword()
    entry.deletePassword()
    return { value: read }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}
