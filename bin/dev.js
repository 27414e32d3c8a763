#!/usr/bin/env node
import { join } from 'node:path'
import { Config, Plugin } from '@oclif/core/config'
import { settings } from '@oclif/core/settings'
import { register } from 'tsx/esm/api'

// The committed manifest describes dist; here the commands are read from src as they stand.
register()
process.env.NODE_ENV = 'development'
settings.enableAutoTranspile = true

const root = join(import.meta.dirname, '..')
const plugin = new Plugin({ root, isRoot: true, type: 'core', ignoreManifest: true })
await plugin.load()
const { main } = await import('../src/cli/main.ts')
await main(process.argv.slice(2), await Config.load({ root, plugins: [plugin] }))
