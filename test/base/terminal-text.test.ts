import { expect, test } from 'vitest'
import { safeForTerminal } from '../../src/base/terminal-text.ts'

test.each([
  ['an escape sequence', 'a\u001b[2Jb', 'a�[2Jb'],
  ['an OSC link', '\u001b]8;;http://x\u0007y', '�]8;;http://x�y'],
  ['a C1 control', 'a\u009bb', 'a�b'],
  ['a bidirectional override', 'a\u202eb', 'a�b'],
  ['a line break', 'a\nb\r', 'a�b�'],
])('%s cannot steer the terminal', (_what, text, shown) => {
  expect(safeForTerminal(text)).toBe(shown)
})

test('tabs, accents and emoji stay', () => {
  expect(safeForTerminal('é\t👍🏽 名')).toBe('é\t👍🏽 名')
})
