import { errorCodes } from '../../base/app-error.ts'
import type { Listing } from '../output/listing.ts'
import { errorCodeMeanings } from './error-codes-table.ts'
import { type ExitCodeMeaning, exitCodeMeanings } from './exit-codes-table.ts'
import { textTopics } from './topics-table.ts'

/** What a code of `hoop help errors` says of itself. */
export interface ErrorCodeMeaning {
  readonly code: string
  readonly exit: number
  readonly meaning: string
}

/** The lines of a topic that is text; undefined when it is none. */
export function topicText(topic: string): readonly string[] | undefined {
  return textTopics[topic]
}

/** `hoop help exit-codes`. */
export const exitCodesListing: Listing<ExitCodeMeaning> = {
  name: 'exitCodes',
  items: exitCodeMeanings,
  columns: [
    { key: 'exit', title: 'EXIT', alignsRight: true, value: ({ exit }) => String(exit) },
    { key: 'meaning', title: 'MEANING', value: ({ meaning }) => meaning },
    { key: 'ran', title: 'RAN', value: ({ ran }) => ran },
    { key: 'retry', title: 'RETRY', value: ({ retry }) => retry },
  ],
}

/** `hoop help errors`. */
export const errorsListing: Listing<ErrorCodeMeaning> = {
  name: 'errors',
  items: Object.entries(errorCodeMeanings).map(([code, meaning]) => ({
    code,
    exit: errorCodes[code as keyof typeof errorCodes],
    meaning,
  })),
  columns: [
    { key: 'code', title: 'CODE', value: ({ code }) => code },
    { key: 'exit', title: 'EXIT', alignsRight: true, value: ({ exit }) => String(exit) },
    { key: 'meaning', title: 'MEANING', value: ({ meaning }) => meaning },
  ],
}
