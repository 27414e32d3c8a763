import { styleText } from 'node:util'

/** What a stream shows: may it be steered by control bytes, may it be coloured. */
export interface Terminal {
  readonly isTty: boolean
  readonly hasColour: boolean
}

/** How a line is meant; colour only repeats what its words say. */
export type Tone = 'plain' | 'good' | 'bad' | 'waiting' | 'quiet'

const colours = { good: 'green', bad: 'red', waiting: 'yellow', quiet: 'dim' } as const

/**
 * Reads what a stream can show from the stream and the environment: NO_COLOR and TERM=dumb take colour away,
 * CLICOLOR_FORCE gives it to a pipe.
 */
export function describeTerminal(
  stream: { readonly isTTY?: boolean },
  environment: Readonly<Record<string, string | undefined>>,
): Terminal {
  const isTty = stream.isTTY === true
  const isForced = isSet(environment['CLICOLOR_FORCE']) && environment['CLICOLOR_FORCE'] !== '0'
  const isRefused = isSet(environment['NO_COLOR']) || environment['TERM'] === 'dumb'
  return { isTty, hasColour: !isRefused && (isTty || isForced) }
}

/** The text in the colour of its tone, where colour is shown at all. The text must be safe already. */
export function paint(text: string, tone: Tone, terminal: Terminal): string {
  return tone === 'plain' || !terminal.hasColour ? text : styleText(colours[tone], text, { validateStream: false })
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== ''
}
