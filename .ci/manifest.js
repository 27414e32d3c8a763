import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Plugin } from '@oclif/core/config'
import { settings } from '@oclif/core/settings'
import { register } from 'tsx/esm/api'

/** Writes oclif.manifest.json from the commands in src; with --check, only says whether it is what is committed. */
const root = join(import.meta.dirname, '..')
const file = join(root, 'oclif.manifest.json')

register()
process.env.NODE_ENV = 'development'
settings.enableAutoTranspile = true

const plugin = new Plugin({ root, isRoot: true, type: 'core', ignoreManifest: true, errorOnManifestCreate: true })
await plugin.load()
for (const command of Object.values(plugin.manifest.commands)) {
  // What is installed holds dist only.
  command.relativePath = [
    'dist',
    ...command.relativePath.slice(1, -1),
    `${command.relativePath.at(-1).replace(/\.tsx?$/, '')}.js`,
  ]
}
const text = `${JSON.stringify(sorted(plugin.manifest), null, 2)}\n`

if (!process.argv.includes('--check')) writeFileSync(file, text)
else if (readFileSync(file, 'utf8') !== text) {
  process.stderr.write('oclif.manifest.json is not what the commands say: npm run manifest\n')
  process.exitCode = 1
}

/** Commands in the order of their names: the order files are found in differs between machines. */
function sorted(manifest) {
  const commands = Object.entries(manifest.commands).sort(([a], [b]) => (a < b ? -1 : 1))
  return { ...manifest, commands: Object.fromEntries(commands) }
}
