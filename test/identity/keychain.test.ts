import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'

const isLinux = process.platform === 'linux'
const missing = ['dbus-run-session', 'gnome-keyring-daemon'].filter(
  (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0,
)
if (missing.length > 0) process.stderr.write(`SKIPPED: keychain tests need ${missing.join(' and ')}\n`)

const script = join(import.meta.dirname, 'support/keychain-script.ts')
const node = [process.execPath, '--import', 'tsx', script]

/** Runs the script in an environment of its own, below a shell or not. */
function ask(command: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Record<string, unknown>> {
  const home = env['HOME'] ?? temporaryFolder()
  const [program = '', ...args] = command
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { PATH: process.env['PATH'], HOME: home, XDG_RUNTIME_DIR: home, ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    child.on('error', reject)
    child.on('close', () => resolve(JSON.parse(text.split('\n').find((line) => line.startsWith('{')) ?? '{}')))
  })
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hoop-keychain-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const unlock = 'printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null; exec "$0" "$@"'

describe.runIf(isLinux)('on Linux', () => {
  test('without D-Bus no keychain is usable, and the kernel keyring is not taken for one', async () => {
    expect(await ask(node)).toMatchObject({ probe: expect.stringMatching(/^Cannot use the keychain: .*D-?Bus/i) })
  })

  test('one that never answers costs three seconds, not the command', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hoop-bus-'))
    const sockets: Socket[] = []
    const bus = createServer((socket) => sockets.push(socket))
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy()
      bus.close()
      rmSync(folder, { recursive: true, force: true })
    })
    await new Promise<void>((resolve) => bus.listen(join(folder, 'bus'), resolve))
    const said = await ask(node, { DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(folder, 'bus')}` })

    expect(said['probe']).toMatch(/did not answer within 3 seconds/)
    expect(said['ms']).toBeLessThan(6_000)
  })

  test.runIf(missing.length === 0)('D-Bus without a keychain behind it is not usable', async () => {
    expect(await ask(['dbus-run-session', '--', ...node])).toMatchObject({
      probe: expect.stringMatching(/^Cannot use the keychain/),
    })
  })

  test.runIf(missing.length === 0)('an unlocked keychain keeps, gives back and forgets', async () => {
    expect(await ask(['dbus-run-session', '--', 'sh', '-c', unlock, ...node])).toMatchObject({
      probe: 'works',
      value: 'a value\nof two lines, \u2713',
      after: null,
    })
  })

  test.runIf(missing.length === 0)('one that is locked is not usable, and says so within its time', async () => {
    const HOME = temporaryFolder()
    await ask(['dbus-run-session', '--', 'sh', '-c', unlock, ...node], { HOME })
    const said = await ask(['dbus-run-session', '--', ...node], { HOME })

    expect(said['probe']).toMatch(/^Cannot use the keychain/)
    expect(said['ms']).toBeLessThan(6_000)
  })
})
