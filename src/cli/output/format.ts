/** The shapes data is printed in. `table` on a terminal and `tsv` into a pipe unless one is asked for. */
export const outputFormats = ['table', 'json', 'jsonl', 'csv', 'tsv', 'raw'] as const

export type OutputFormat = (typeof outputFormats)[number]
