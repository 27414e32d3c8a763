import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { makePrivate, readPaths } from '../../src/identity/paths.ts'
import { readPrivate, writePrivate } from '../../src/identity/private-file.ts'
import { temporaryHome } from './support/temporary-home.ts'

const isRoot = process.getuid?.() === 0

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8)
}

describe('a private file', () => {
  test('is for its owner alone, as is its folder, whatever the umask', () => {
    const { config } = temporaryHome()
    const file = join(config, 'a', 'b', 'file')
    const before = process.umask(0)
    writePrivate(file, 'text')
    process.umask(before)

    expect([modeOf(file), modeOf(join(config, 'a', 'b')), readPrivate(file)]).toEqual(['600', '700', 'text'])
  })

  test('leaves nothing else behind, also where a writer was killed before', () => {
    const { config } = temporaryHome()
    writeFileSync(join(config, '.file.tmp'), 'a secret half wri', { mode: 0o644 })
    writePrivate(join(config, 'file'), 'text')

    expect(readdirSync(config)).toEqual(['file'])
    expect(modeOf(join(config, 'file'))).toBe('600')
  })

  test('is not written through a link that waits where the new one is made', () => {
    const { config } = temporaryHome()
    const victim = join(config, 'victim')
    writeFileSync(victim, 'untouched')
    symlinkSync(victim, join(config, '.file.tmp'))
    writePrivate(join(config, 'file'), 'text')

    expect(execFileSync('cat', [victim], { encoding: 'utf8' })).toBe('untouched')
  })

  test('stays as it was when the new one cannot be written', () => {
    const { config } = temporaryHome()
    mkdirSync(join(config, 'file'))

    expect(() => writePrivate(join(config, 'file'), 'text')).toThrow(expect.objectContaining({ code: 'LOCAL_STATE' }))
    expect(readdirSync(config)).toEqual(['file'])
  })

  test.each([
    ['others can read', (file: string) => chmodSync(file, 0o644)],
    ['the group can write', (file: string) => chmodSync(file, 0o620)],
  ])('is refused when %s it', (_what, change) => {
    const { config } = temporaryHome()
    const file = join(config, 'file')
    writePrivate(file, 'text')
    change(file)

    expect(() => readPrivate(file)).toThrow(
      expect.objectContaining({ code: 'LOCAL_STATE', hint: expect.stringContaining('chmod 600') }),
    )
  })

  test('is refused when it is a link, a folder or a pipe', () => {
    const { config } = temporaryHome()
    writePrivate(join(config, 'true'), 'text')
    symlinkSync(join(config, 'true'), join(config, 'link'))
    mkdirSync(join(config, 'folder'))
    execFileSync('mkfifo', ['-m', '600', join(config, 'pipe')])

    for (const name of ['link', 'folder', 'pipe']) {
      expect(() => readPrivate(join(config, name))).toThrow(expect.objectContaining({ code: 'LOCAL_STATE' }))
    }
  })

  test('that is not there is not an error', () => {
    expect(readPrivate(join(temporaryHome().config, 'nowhere', 'file'))).toBeUndefined()
  })

  test.runIf(isRoot)('of somebody else is refused, as is a folder of theirs', () => {
    const { config } = temporaryHome()
    writePrivate(join(config, 'file'), 'text')
    chownSync(join(config, 'file'), 65_534, 65_534)
    mkdirSync(join(config, 'folder'), { mode: 0o700 })
    chownSync(join(config, 'folder'), 65_534, 65_534)

    expect(() => readPrivate(join(config, 'file'))).toThrow(expect.objectContaining({ code: 'LOCAL_STATE' }))
    expect(() => makePrivate(join(config, 'folder'))).toThrow(expect.objectContaining({ code: 'LOCAL_STATE' }))
  })
})

describe('a folder that others can enter', () => {
  test('is refused and stays as it is: others may need it', () => {
    const { config } = temporaryHome()
    const shared = join(config, 'shared')
    mkdirSync(shared)
    chmodSync(shared, 0o1777)

    expect(() => writePrivate(join(shared, 'file'), 'text')).toThrow(expect.objectContaining({ code: 'LOCAL_STATE' }))
    expect(statSync(shared).mode & 0o7777).toBe(0o1777)
    expect(existsSync(join(shared, 'file'))).toBe(false)
  })

  test('is not entered through a link either', () => {
    const { config } = temporaryHome()
    makePrivate(join(config, 'true'))
    symlinkSync(join(config, 'true'), join(config, 'link'))

    expect(() => makePrivate(join(config, 'link'))).toThrow(expect.objectContaining({ code: 'LOCAL_STATE' }))
  })

  test('nor is a file in the way taken for one', () => {
    const { config } = temporaryHome()
    writeFileSync(join(config, 'file'), '')

    expect(() => makePrivate(join(config, 'file', 'below'))).toThrow(expect.objectContaining({ code: 'LOCAL_STATE' }))
  })
})

describe('folders', () => {
  test('follow the XDG variables, and ignore relative ones', () => {
    const env = { HOME: '/home/ana', XDG_CONFIG_HOME: '/c', XDG_STATE_HOME: 'relative', XDG_RUNTIME_DIR: '/run/user/7' }

    expect(readPaths(env)).toEqual({
      config: '/c/hoop',
      state: '/home/ana/.local/state/hoop',
      runtime: '/run/user/7/hoop',
    })
  })

  test('without a runtime folder lie below TMPDIR, one for each user', () => {
    const { runtime } = readPaths({ HOME: '/home/ana', TMPDIR: '/var/tmp' })

    expect(runtime).toBe(`/var/tmp/hoop-${process.getuid?.()}`)
  })

  test('all move with HOOP_CONFIG_DIR', () => {
    const env = { HOOP_CONFIG_DIR: '/elsewhere', XDG_CONFIG_HOME: '/c', XDG_RUNTIME_DIR: '/r' }

    expect(readPaths(env)).toEqual({ config: '/elsewhere', state: '/elsewhere/state', runtime: '/elsewhere/run' })
  })
})
