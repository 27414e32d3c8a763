import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { clickThrough } from './scripted-browser.ts'
import { type Demo, demoConnection, temporaryFolder } from './start-demo.ts'

/**
 * The story of a demo, told by the real command against the real thing: each step is a process of its own, its output is
 * shown as it is, and the tour fails where one does not keep what was promised.
 */
export interface TourOptions {
  readonly demo: Demo
  /** The command's own script, run with this Node. */
  readonly script: string
  readonly print: (line: string) => void
}

interface Outcome {
  readonly exit: number | null
  readonly stdout: string
  readonly stderr: string
}

interface Step {
  readonly title: string
  readonly args: readonly string[]
  readonly exit: number
  /** What the output must say, both streams together. */
  readonly says: readonly RegExp[]
  /** What it must not. */
  readonly hides?: readonly RegExp[]
  /** Done while the command runs, with what it has said so far. */
  readonly meanwhile?: { readonly when: RegExp; readonly act: (match: RegExpExecArray) => Promise<void> }
}

const stepLimitMs = 60_000
/** No address of the shop may be read whole. */
const rawEmail = /[a-z]+\.[a-z]+\.\d+@example/

/** Goes through all steps. @throws AppError `UNEXPECTED` naming the promise that was not kept */
export async function runTour({ demo, script, print }: TourOptions): Promise<void> {
  const home = temporaryFolder()
  const run = (step: Step): Promise<Outcome> => runStep(step, { script, home, print })
  try {
    await run(signInStep(demo.url, 'developer'))
    await run(signInStep(demo.url, 'approver'))
    await run(signInStep(demo.url, 'auditor'))
    for (const step of storyOf((args) => run(args))) await run(step)
    print('The tour is over: every step was as promised.')
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

/** `hoop login`, with a script in the place of the person at the browser. */
function signInStep(url: string, who: string): Step {
  return {
    title: `Signing in as the ${who}, through the browser flow`,
    args: ['login', url, '--no-browser', '--context', who, '--store', 'plaintext'],
    exit: 0,
    says: [new RegExp(`Signed in .*${who}@shop\\.example`)],
    meanwhile: { when: /(http:\/\/\S+\/oidc\/auth\?\S+)/, act: ([, address = '']) => clickThrough(address, who) },
  }
}

function storyOf(run: (step: Step) => Promise<Outcome>): readonly Step[] {
  return [
    { title: 'Which connections are there', args: ['-C', 'developer', 'ls'], exit: 0, says: [/prod-db/] },
    {
      title: 'Personal data comes back masked',
      args: execArgs('select id, name, email, card from customers order by id limit 3', '-o', 'table'),
      exit: 0,
      says: [/r•••@example\.org/, /Masked: /],
      hides: [rawEmail],
    },
    {
      title: 'A write that does not say which rows is refused',
      args: execArgs('delete from orders'),
      exit: 6,
      says: [/no-unbounded-writes/, /Nothing was run/],
    },
    { title: 'So is a change of the schema', args: execArgs('drop table orders'), exit: 6, says: [/no-ddl/] },
    {
      title: 'Nothing of it ran',
      args: execArgs('select count(*) from orders', '-o', 'csv'),
      exit: 0,
      says: [/^4000$/m],
    },
    approvalStep(run),
    {
      title: 'Any program can come through the local port',
      args: [
        '-C',
        'developer',
        'connect',
        demoConnection,
        '--port',
        '0',
        '--',
        process.execPath,
        '--input-type=module',
        '-e',
        throughThePort,
      ],
      exit: 0,
      says: [/a program sees .•••@example/],
      hides: [rawEmail],
    },
    {
      title: 'The auditor finds all of it: who, when, why, what',
      args: ['-C', 'auditor', 'audit', 'search', '--conn', demoConnection, '-o', 'table'],
      exit: 0,
      says: [/developer@shop\.example/, /no-unbounded-writes/, /no-ddl/, /approved/],
    },
  ]
}

/** Held, refused to its own requester, approved by somebody else, run. */
function approvalStep(run: (step: Step) => Promise<Outcome>): Step {
  return {
    title: 'A change of salaries waits for somebody else',
    args: execArgs('update employees set salary = 60000 where id = 7', '--reason', 'INC-4821', '--wait', '1m'),
    exit: 0,
    says: [/req_[0-9A-Z]+/, /UPDATE 1/],
    meanwhile: {
      when: /(req_[0-9A-Z]{8})/,
      act: async ([, request = '']) => {
        await run({
          title: 'The developer cannot approve it',
          args: ['-C', 'developer', 'approvals', 'approve', request],
          exit: 5,
          says: [/your own request/],
        })
        await run({
          title: 'The approver can',
          args: ['-C', 'approver', 'approvals', 'approve', request, '--reason', 'checked'],
          exit: 0,
          says: [/[Aa]pproved/],
        })
      },
    },
  }
}

function execArgs(sql: string, ...flags: string[]): readonly string[] {
  return ['-C', 'developer', 'exec', demoConnection, ...flags, '--', sql]
}

/** A client that knows nothing of hoop: it takes what libpq's variables say. */
const throughThePort = `
import pg from ${JSON.stringify(import.meta.resolve('pg'))}
const client = new pg.Client(process.env.DATABASE_URL)
await client.connect()
const { rows } = await client.query('select email from customers where id = $1', [1])
console.log('a program sees', rows[0].email)
await client.end()
`

async function runStep(
  step: Step,
  world: { script: string; home: string; print: (line: string) => void },
): Promise<Outcome> {
  const { script, home, print } = world
  print('')
  print(`# ${step.title}`)
  const shown = step.args.map((arg) => (/^[\w./:=@-]+$/.test(arg) ? arg : `'${arg.includes('\n') ? '…' : arg}'`))
  print(`$ hoop ${shown.join(' ')}`)
  const child = spawn(process.execPath, [script, ...step.args], {
    env: { ...process.env, HOOP_CONFIG_DIR: join(home, 'hoop'), NO_COLOR: '1', CI: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const outcome = await watch(child, step)
  for (const line of `${outcome.stdout}${outcome.stderr}`.trimEnd().split('\n')) print(`  ${line}`)
  demand(step, outcome)
  return outcome
}

async function watch(child: ChildProcess, step: Step): Promise<Outcome> {
  let [stdout, stderr] = ['', '']
  let acting: Promise<void> | undefined
  const look = (): void => {
    const match = acting !== undefined ? null : step.meanwhile?.when.exec(`${stdout}\n${stderr}`)
    if (match && step.meanwhile) acting = step.meanwhile.act(match)
    // Its failure is awaited below; until then it must not count as unhandled.
    acting?.catch(() => undefined)
  }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    look()
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    look()
  })
  const limit = setTimeout(() => child.kill('SIGKILL'), stepLimitMs)
  const exit = await new Promise<number | null>((resolve) => child.once('close', resolve))
  clearTimeout(limit)
  await acting
  return { exit, stdout, stderr }
}

function demand(step: Step, { exit, stdout, stderr }: Outcome): void {
  const said = `${stdout}\n${stderr}`
  const broken = [
    ...(exit === step.exit ? [] : [`it ended with ${exit}, not ${step.exit}`]),
    ...step.says.filter((pattern) => !pattern.test(said)).map((pattern) => `it does not say ${pattern}`),
    ...(step.hides ?? []).filter((pattern) => pattern.test(said)).map((pattern) => `it shows ${pattern}`),
  ]
  if (broken.length === 0) return
  throw new AppError('UNEXPECTED', `Cannot go on with the tour: "${step.title}": ${broken.join('; ')}`)
}
