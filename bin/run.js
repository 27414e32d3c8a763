#!/usr/bin/env node
import { settings } from '@oclif/core/settings'
import { main } from '../dist/cli/main.js'

// What is published is what runs, even in a checkout and under NODE_ENV=test.
settings.enableAutoTranspile = false

await main(process.argv.slice(2), import.meta.url)
