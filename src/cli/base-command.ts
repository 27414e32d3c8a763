import { Command } from '@oclif/core/command'
import * as Flags from '@oclif/core/flags'
import type * as Interfaces from '@oclif/core/interfaces'
import { AppError } from '../base/app-error.ts'
import { safeForTerminal } from '../base/terminal-text.ts'
import { DatabaseRejection, errorLines, reportOf } from './error-report.ts'
import { Interrupted } from './interrupted.ts'
import { type OutputFormat, outputFormats } from './output/format.ts'
import { jsonText } from './output/json-text.ts'
import type { Listing } from './output/listing.ts'
import { describeTerminal, paint, type Terminal, type Tone } from './terminal.ts'

/** What the global flags said. */
export interface Globals {
  readonly context: string | undefined
  /** Null: nobody asked for one; see `format`. */
  readonly output: OutputFormat | null
  readonly isQuiet: boolean
  readonly isDebug: boolean
  readonly isPlain: boolean
  /** False: never ask, fail instead. Also false where stdin is no terminal. */
  readonly mayAsk: boolean
}

/**
 * Base of every command: global flags, data on stdout, talk on stderr, and one way to fail. A command says
 * `const { args, flags } = await this.parse(Its)` first, imports its work inside `run`, and throws AppError.
 */
export abstract class HoopCommand extends Command {
  static override baseFlags = {
    context: Flags.string({ char: 'C', description: 'Context to use', helpValue: 'NAME', helpGroup: 'GLOBAL' }),
    output: Flags.option({
      char: 'o',
      description: 'Format of the data on stdout',
      options: outputFormats,
      helpGroup: 'GLOBAL',
    })(),
    json: Flags.boolean({ description: 'Same as -o json', exclusive: ['output'], helpGroup: 'GLOBAL' }),
    quiet: Flags.boolean({ char: 'q', description: 'Errors only on stderr', helpGroup: 'GLOBAL' }),
    debug: Flags.boolean({ char: 'v', description: 'Say more, with stack traces', helpGroup: 'GLOBAL' }),
    plain: Flags.boolean({ description: 'One fact per line, no drawing', helpGroup: 'GLOBAL' }),
    'no-color': Flags.boolean({ description: 'No colour', helpGroup: 'GLOBAL' }),
    'no-input': Flags.boolean({ description: 'Never ask; fail instead', helpGroup: 'GLOBAL' }),
  }

  /** True for a command whose words after `--` are not its own: they end up in `rest`. */
  static readonly takesRest: boolean = false

  /** Words after the first `--`; null when there was none. */
  protected rest: readonly string[] | null = null
  protected globals: Globals = globalsBeforeParsing(this.argv)
  #colour = true

  /** Where data goes. */
  protected get stdout(): Terminal {
    return this.#terminal(process.stdout)
  }

  /** Where talk goes. */
  protected get stderr(): Terminal {
    return this.#terminal(process.stderr)
  }

  /** The format asked for by flag or HOOP_OUTPUT; else a table for people and tsv for programs. */
  protected get format(): OutputFormat {
    return this.globals.output ?? (this.stdout.isTty ? 'table' : 'tsv')
  }

  /** One line of talk, on stderr; silent with -q. */
  protected say(line: string, tone: Tone = 'plain'): void {
    if (!this.globals.isQuiet) this.#talk(line, tone)
  }

  /** Lines of data, on stdout, whatever the format. */
  protected print(...lines: readonly string[]): void {
    for (const line of lines) process.stdout.write(`${this.stdout.isTty ? safeForTerminal(line) : line}\n`)
  }

  /** One value as JSON on stdout, in one line. */
  protected printJson(value: unknown): void {
    process.stdout.write(`${jsonText(value)}\n`)
  }

  /** A list of things in the format asked for; `usual` stands in where nobody asked. */
  protected async printListing<Item>(listing: Listing<Item>, usual = this.format): Promise<void> {
    const { listingLines } = await import('./output/listing.ts')
    const lines = listingLines(listing, this.globals.output ?? usual, this.stdout.isTty)
    if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`)
  }

  /** One thing with members, in the format asked for; people get one fact per line. */
  protected async printRecord(record: Readonly<Record<string, unknown>>): Promise<void> {
    const { recordLines } = await import('./output/record.ts')
    const lines = recordLines(record, this.globals.output ?? 'table', this.stdout.isTty)
    process.stdout.write(`${lines.join('\n')}\n`)
  }

  override async init(): Promise<void> {
    await super.init()
    process.stdout.on('error', endQuietlyOnClosedPipe)
    process.stderr.on('error', endQuietlyOnClosedPipe)
  }

  protected override async parse<
    F extends Interfaces.OutputFlags<F>,
    B extends Interfaces.OutputFlags<B>,
    A extends Interfaces.OutputArgs<A>,
  >(options?: Interfaces.Input<F, B, A>, argv: string[] = this.argv): Promise<Interfaces.ParserOutput<F, B, A>> {
    const split = (this.ctor as typeof HoopCommand).takesRest ? argv.indexOf('--') : -1
    if (split >= 0) this.rest = argv.slice(split + 1)
    const parsed = await super.parse(options, split < 0 ? argv : argv.slice(0, split))
    this.#readGlobals(parsed.flags)
    return parsed
  }

  protected override async catch(error: unknown): Promise<never> {
    if (error instanceof Interrupted) this.exit(error.exit)
    if (isExit(error)) throw error
    const usual = reportOf(error, (this.id ?? '').replaceAll(':', ' '))
    const report = { ...usual, exit: this.exitOf(error instanceof AppError ? error : null, usual.exit) }
    if (this.globals.output === 'json' || this.globals.output === 'jsonl') {
      process.stderr.write(`${JSON.stringify({ error: report })}\n`)
    } else {
      const [first = '', ...others] = errorLines(report, error instanceof DatabaseRejection ? 'database' : 'hoop')
      this.#talk(first, 'bad')
      for (const line of others) this.#talk(line, 'plain')
    }
    if (this.globals.isDebug) process.stderr.write(`${stackOf(error)}\n`)
    this.exit(report.exit)
  }

  /** The exit code of a failure, for commands that must keep some numbers free; null: nobody classified it. */
  protected exitOf(_error: AppError | null, exit: number): number {
    return exit
  }

  #talk(line: string, tone: Tone): void {
    const safe = this.stderr.isTty ? safeForTerminal(line) : line
    process.stderr.write(`${paint(safe, tone, this.stderr)}\n`)
  }

  #terminal(stream: { readonly isTTY?: boolean }): Terminal {
    const terminal = describeTerminal(stream, process.env)
    return this.#colour ? terminal : { ...terminal, hasColour: false }
  }

  #readGlobals(flags: Readonly<Record<string, unknown>>): void {
    demandKnownFormat()
    const asked = flags['json'] === true ? 'json' : (flags['output'] as OutputFormat | undefined)
    this.#colour = flags['no-color'] !== true && flags['plain'] !== true
    this.globals = {
      context: flags['context'] as string | undefined,
      output: asked ?? formatOfEnvironment(),
      isQuiet: flags['quiet'] === true,
      isDebug: flags['debug'] === true,
      isPlain: flags['plain'] === true || !this.stderr.isTty,
      mayAsk: flags['no-input'] !== true && !process.env['HOOP_NO_INPUT'] && process.stdin.isTTY === true,
    }
  }
}

/** Before the flags are parsed only one thing matters: in what form the parser's own complaint is wanted. */
function globalsBeforeParsing(argv: readonly string[]): Globals {
  const end = argv.indexOf('--')
  const own = end < 0 ? argv : argv.slice(0, end)
  const wantsJson = own.some(
    (word, index) =>
      word === '--json' ||
      /^(-o|--output=)jsonl?$/.test(word) ||
      (/^(-o|--output)$/.test(word) && /^jsonl?$/.test(own[index + 1] ?? '')),
  )
  return {
    context: undefined,
    output: wantsJson ? 'json' : formatOfEnvironment(),
    isQuiet: false,
    isDebug: own.includes('--debug') || own.includes('-v'),
    isPlain: true,
    mayAsk: false,
  }
}

function formatOfEnvironment(): OutputFormat | null {
  return outputFormats.find((format) => format === process.env['HOOP_OUTPUT']) ?? null
}

/** A misspelt variable must not become a format nobody asked for. */
function demandKnownFormat(): void {
  const asked = process.env['HOOP_OUTPUT']
  if (!asked || formatOfEnvironment() !== null) return
  throw new AppError('CONFIG_INVALID', `Cannot use HOOP_OUTPUT: "${asked}" is no format`, {
    hint: `Set it to one of ${outputFormats.join(', ')}`,
  })
}

function isExit(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIT'
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return [
    error.stack ?? error.message,
    ...(error.cause === undefined ? [] : [`caused by ${stackOf(error.cause)}`]),
  ].join('\n')
}

function endQuietlyOnClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(141)
  throw error
}
