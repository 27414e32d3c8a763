import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { changeConfig, demandContextName, pickContext, readConfig } from '../../src/identity/contexts.ts'
import { openContext } from '../../src/identity/session-client.ts'
import { contextAt, temporaryHome } from './support/temporary-home.ts'

const prod = contextAt('https://hoop.example.com')
const staging = contextAt('https://staging.example.com', { email: 'ana@staging.example' })

function written(text: string) {
  const paths = temporaryHome()
  writeFileSync(join(paths.config, 'config.yaml'), text, { mode: 0o600 })
  return paths
}

describe('the config file', () => {
  test('is read as it was written', () => {
    const paths = temporaryHome()
    changeConfig(paths, () => ({ current: 'prod', contexts: { prod } }))

    expect(readConfig(paths)).toEqual({ current: 'prod', contexts: { prod } })
  })

  test.each([
    ['an unknown key', 'curent: prod\n', /curent/],
    [
      'an unknown key of a context',
      `contexts: {prod: ${JSON.stringify({ ...prod, sever: 1 })}}`,
      /contexts\.prod.*sever/,
    ],
    [
      'a value of the wrong kind',
      `contexts: {prod: ${JSON.stringify({ ...prod, server: 7 })}}`,
      /contexts\.prod\.server/,
    ],
    ['a name that could leave the folder', `contexts: {../x: ${JSON.stringify(prod)}}`, /\.\.\/x/],
    ['no YAML', 'contexts: [', /config\.yaml/],
    ['two of the same key', 'current: a\ncurrent: b\n', /unique/i],
    ['a list', '- a\n', /expected object/],
  ])('with %s is refused, naming it', (_what, text, named) => {
    expect(() => readConfig(written(text))).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', exit: 2, message: expect.stringMatching(named) }),
    )
  })

  test.each(['', '# nothing but a comment\n', 'contexts: {}\n'])('may be empty: %j', (text) => {
    expect(readConfig(written(text)).contexts).toEqual({})
  })

  test('that grows without end by its own references is refused', () => {
    const levels = Array.from({ length: 12 }, (_, n) => `l${n}: &l${n} [${Array(10).fill(n ? `*l${n - 1}` : 'x')}]`)

    expect(() => readConfig(written(levels.join('\n')))).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })

  test('that is wrong is not replaced by a change', () => {
    const paths = written('curent: prod\n')

    expect(() => changeConfig(paths, (config) => config)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    expect(() => readConfig(paths)).toThrow(/curent/)
  })

  test('that others can read is refused', () => {
    const paths = written('')
    chmodSync(join(paths.config, 'config.yaml'), 0o666)

    expect(() => readConfig(paths)).toThrow(expect.objectContaining({ code: 'LOCAL_STATE' }))
  })

  test('never becomes one that cannot be read again', () => {
    const paths = temporaryHome()

    expect(() => changeConfig(paths, () => ({ contexts: { '../x': prod } }))).toThrow()
    expect(readConfig(paths)).toEqual({ contexts: {} })
  })
})

describe('the context', () => {
  const config = { current: 'prod', contexts: { prod, staging } }

  test.each([
    ['the flag', 'staging', { HOOP_CONTEXT: 'prod' }, 'staging', '--context'],
    ['HOOP_CONTEXT', undefined, { HOOP_CONTEXT: 'staging' }, 'staging', 'HOOP_CONTEXT'],
    ['the current one', undefined, { HOOP_CONTEXT: '' }, 'prod', 'current context'],
  ])('is picked by %s', (_what, asked, env, name, source) => {
    expect(pickContext(config, asked, env)).toMatchObject({ name, source })
  })

  test.each(['nowhere', 'constructor', 'toString', '__proto__', ''])('%j is not there', (asked) => {
    expect(() => pickContext(config, asked, {})).toThrow(expect.objectContaining({ code: 'LOGIN_REQUIRED', exit: 4 }))
  })

  test('that is missing is named with what asked for it', () => {
    expect(() => pickContext(config, undefined, { HOOP_CONTEXT: 'x' })).toThrow(/"x" \(HOOP_CONTEXT\)/)
  })

  test('without any says so, and without a current one points at the list', () => {
    expect(() => pickContext({ contexts: {} }, undefined, {})).toThrow(/not signed in anywhere/)
    expect(() => pickContext({ contexts: { prod } }, undefined, {})).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('hoop context ls') }),
    )
  })

  test('of nobody ends with exit 4 and the next step', () => {
    const { config: folder } = temporaryHome()

    expect(() => openContext(undefined, { HOOP_CONFIG_DIR: folder })).toThrow(
      expect.objectContaining({ code: 'LOGIN_REQUIRED', hint: expect.stringContaining('hoop login') }),
    )
  })

  test.each(['../x', 'a/b', '', '.hidden', '-C', 'a b', 'a\u001b[2J', 'x'.repeat(64)])(
    'cannot be called %j',
    (name) => {
      expect(() => demandContextName(name)).toThrow(expect.objectContaining({ code: 'USAGE' }))
    },
  )
})
