// C0 and C1 controls, zero-width and bidirectional marks: what can move a cursor or reorder a line on a terminal.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const unsafe = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/** The text with everything that could steer a terminal replaced by `�`; tabs stay. For one line of output. */
export function safeForTerminal(text: string): string {
  return text.replace(unsafe, '\ufffd')
}
