/** Global flags that people write before the command, as in `hoop -C prod ls`, and how many words each takes. */
const wordsOf: Readonly<Record<string, number>> = {
  '-C': 2,
  '--context': 2,
  '-o': 2,
  '--output': 2,
  '--json': 1,
  '-q': 1,
  '--quiet': 1,
  '-v': 1,
  '--debug': 1,
  '--plain': 1,
  '--no-color': 1,
  '--no-input': 1,
}

/** The same command line with those flags behind its first words, which is where the parser of commands looks for them. */
export function placeLeadingFlags(argv: readonly string[]): readonly string[] {
  let at = 0
  for (let word = argv[0]; word !== undefined; word = argv[at]) {
    const name = word.replace(/=.*$/s, '')
    const words = wordsOf[name] ?? 0
    if (words === 0) break
    at += name === word ? words : 1
  }
  if (at === 0 || at >= argv.length) return argv
  const [leading, rest] = [argv.slice(0, at), argv.slice(at)]
  const end = rest.indexOf('--')
  return end < 0 ? [...rest, ...leading] : [...rest.slice(0, end), ...leading, ...rest.slice(end)]
}
