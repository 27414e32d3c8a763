import type { Config } from '@oclif/core/config'
import { run } from '@oclif/core/run'
import { placeLeadingFlags } from './leading-flags.ts'

/** Runs one command line and ends the process with its exit code. Commands report their own failures; see base-command. */
export async function main(argv: readonly string[], from: string | Config): Promise<void> {
  try {
    await run([...placeLeadingFlags(argv)], from)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIT') {
      process.exit((error as { readonly oclif?: { readonly exit?: number } }).oclif?.exit ?? 0)
    }
    // No command was found to report it.
    const { errorLines, reportOf } = await import('./error-report.ts')
    const report = reportOf(error, '')
    const wantsJson = argv.includes('--json') || /(^| )(-o|--output)[ =]?jsonl?( |$)/.test(argv.join(' '))
    process.stderr.write(
      wantsJson ? `${JSON.stringify({ error: report })}\n` : `${errorLines(report, 'hoop').join('\n')}\n`,
    )
    process.exit(report.exit)
  }
}
