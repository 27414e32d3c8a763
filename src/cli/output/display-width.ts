// Marks that stand on the character before them.
const zeroWidth = /^(?:\p{Mn}|\p{Me}|\u200d|\ufe0f)$/u
// East Asian wide and fullwidth blocks, and pictures: two cells on every terminal worth the name.
const wide =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]$/u

/** Cells a text takes on a terminal. */
export function displayWidth(text: string): number {
  let width = 0
  for (const character of text) width += zeroWidth.test(character) ? 0 : wide.test(character) ? 2 : 1
  return width
}

/** The text, cut with `…` where it would take more than `cells`. */
export function fitTo(text: string, cells: number): string {
  if (displayWidth(text) <= cells) return text
  let kept = ''
  let width = 0
  for (const character of text) {
    width += displayWidth(character)
    if (width > cells - 1) break
    kept += character
  }
  return `${kept}…`
}
