import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'

test.each([
  ['a template', (secret: Secret) => `${secret}`],
  ['JSON', (secret: Secret) => JSON.stringify({ secret })],
  ['inspect', (secret: Secret) => inspect({ secret }, { depth: 9, showHidden: true })],
  ['a spread', (secret: Secret) => JSON.stringify({ ...secret })],
])('a secret does not show in %s', (_where, write) => {
  expect(write(new Secret('hunter2'))).not.toContain('hunter2')
})

test('a secret is itself where it is revealed', () => {
  expect(new Secret('hunter2').reveal()).toBe('hunter2')
})
