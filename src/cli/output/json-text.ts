// What JSON leaves as it is and a terminal obeys: C1 controls and the marks that reorder a line.
const unsafe = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/** One line of JSON that is safe to look at: the same value, with what could steer a terminal written as `\uXXXX`. */
export function jsonText(value: unknown): string {
  return safeJson(JSON.stringify(value))
}

/** The same for a text that is JSON already; line breaks between its tokens become spaces. */
export function safeJson(json: string): string {
  return json
    .replace(/[\r\n]/g, ' ')
    .replace(unsafe, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
