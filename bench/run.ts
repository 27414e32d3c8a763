import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { clickThrough } from '../src/demo/scripted-browser.ts'
import { type Demo, startDemo } from '../src/demo/start-demo.ts'

/**
 * Select-only load through pgbench: direct, and through `hoop connect` with policy, masking and audit on. Rounds are
 * interleaved, figures are ratios within a round; absolute ones mean nothing elsewhere.
 */
const isQuick = process.argv.includes('--quick')
const rounds = isQuick ? 3 : 7
const secondsPerSlice = isQuick ? 1 : 2
const modes = ['simple', 'extended', 'prepared'] as const
const clientCounts = isQuick ? [8] : [1, 8]

interface Target {
  readonly name: string
  readonly env: NodeJS.ProcessEnv
  /** Process whose CPU time counts; 0 for none. */
  readonly pid: number
}

if (!isInstalled('pgbench')) {
  print('pgbench is not installed, so there is nothing to measure with (apt-get install postgresql-client postgresql)')
} else {
  await measure()
}

async function measure(): Promise<void> {
  const nothing = (): void => undefined
  const log = { debug: nothing, info: nothing, warn: nothing, error: print }
  const demo = await startDemo({ version: 'bench', log, port: 0, onStep: nothing })
  const home = mkdtempSync(join(tmpdir(), 'hoop-bench-'))
  let hoop: Awaited<ReturnType<typeof openPort>> | undefined
  try {
    hoop = await openPort(demo, home)
    const targets = [directTarget(demo), hoop.target]
    const script = join(home, 'select.sql')
    writeFileSync(script, '\\set id random(1, 2000)\nselect id, email, city from customers where id = :id;\n')
    print('| mode | clients | direct tps | hoop tps | hoop / direct, median [min–max] | hoop CPU µs per query |')
    print('|---|---|---|---|---|---|')
    for (const mode of modes) {
      for (const clients of clientCounts) print(row(mode, clients, slices(targets, { mode, clients, script })))
    }
    print(
      `\n${rounds} rounds of ${secondsPerSlice} s, Node ${process.version}, audit level process, 1 of 3 columns masked`,
    )
  } finally {
    hoop?.stop()
    await demo.stop()
    rmSync(home, { recursive: true, force: true })
  }
}

interface Slice {
  readonly tps: number
  readonly cpuMicrosPerQuery: number
}

/** One list per round, each with a slice per target, in turns. */
function slices(
  targets: readonly Target[],
  load: { mode: string; clients: number; script: string },
): readonly (readonly Slice[])[] {
  return Array.from({ length: rounds }, () => targets.map((target) => runSlice(target, load)))
}

function runSlice(target: Target, { mode, clients, script }: { mode: string; clients: number; script: string }): Slice {
  const before = cpuMicros(target.pid)
  const args = [
    '-n',
    '-M',
    mode,
    '-c',
    String(clients),
    '-j',
    clients > 1 ? '2' : '1',
    '-T',
    String(secondsPerSlice),
    '-f',
    script,
  ]
  const said = execFileSync('pgbench', args, {
    env: { ...process.env, ...target.env },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const done = Number(/transactions actually processed: (\d+)/.exec(said)?.[1] ?? 0)
  const failed = Number(/number of failed transactions: (\d+)/.exec(said)?.[1] ?? 0)
  if (failed > 0 || done === 0) throw new Error(`pgbench: ${said}`)
  const tps = Number(/tps = ([\d.]+)/.exec(said)?.[1] ?? 0)
  return { tps, cpuMicrosPerQuery: (cpuMicros(target.pid) - before) / done }
}

function row(mode: string, clients: number, all: readonly (readonly Slice[])[]): string {
  const ratios = all.map(([direct, hoop]) => (hoop?.tps ?? 0) / (direct?.tps ?? 1)).sort((a, b) => a - b)
  const tps = (at: number): string => median(all.map((round) => round[at]?.tps ?? 0)).toFixed(0)
  const cpu = median(all.map((round) => round[1]?.cpuMicrosPerQuery ?? 0)).toFixed(0)
  const range = `${ratios[0]?.toFixed(2)}–${ratios.at(-1)?.toFixed(2)}`
  return `| ${mode} | ${clients} | ${tps(0)} | ${tps(1)} | ${median(ratios).toFixed(2)} [${range}] | ${cpu} |`
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

/** User and system time of a process so far (Linux; 0 elsewhere). */
function cpuMicros(pid: number): number {
  if (pid === 0 || process.platform !== 'linux') return 0
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

function directTarget({ postgres }: Demo): Target {
  return {
    name: 'direct',
    pid: 0,
    env: {
      PGHOST: postgres.host,
      PGPORT: String(postgres.port),
      PGUSER: postgres.user,
      PGPASSWORD: postgres.password.reveal(),
      PGDATABASE: 'shop',
      PGSSLMODE: 'disable',
    },
  }
}

/** `hoop connect` in a process of its own, as people run it. */
async function openPort(demo: Demo, home: string): Promise<{ readonly target: Target; stop(): void }> {
  const env = { ...process.env, HOOP_CONFIG_DIR: join(home, 'hoop') }
  const script = join(import.meta.dirname, '../bin/run.js')
  const login = spawn(process.execPath, [script, 'login', demo.url, '--no-browser', '--store', 'plaintext'], { env })
  const loginEnded = new Promise((resolve) => login.once('close', resolve))
  login.stderr.setEncoding('utf8').on('data', (text: string) => {
    const address = /(http:\/\/\S+\/oidc\/auth\?\S+)/.exec(text)?.[1]
    if (address) clickThrough(address, 'developer').catch(print)
  })
  if ((await loginEnded) !== 0) throw new Error('hoop login failed')
  const child = spawn(process.execPath, [script, 'connect', 'prod-db', '--port', '0', '-o', 'jsonl'], { env })
  const ready = await new Promise<{ port: number; passFile: string }>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const line = text.split('\n').find((each) => each.includes('"ready"'))
      if (line) resolve(JSON.parse(line) as { port: number; passFile: string })
    })
  })
  const target = {
    name: 'hoop',
    pid: child.pid ?? 0,
    env: {
      PGHOST: '127.0.0.1',
      PGPORT: String(ready.port),
      PGUSER: 'hoop',
      PGPASSFILE: ready.passFile,
      PGDATABASE: 'shop',
      PGSSLMODE: 'disable',
    },
  }
  return { target, stop: () => child.kill('SIGINT') }
}

function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function print(line: unknown): void {
  process.stdout.write(`${line instanceof Error ? line.message : String(line)}\n`)
}
