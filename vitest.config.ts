import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'test/**/*.test.tsx'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // oclif prints through process.stdout itself.
    disableConsoleIntercept: true,
    // Real servers, databases and browsers: more workers than cores make them slower, not faster.
    maxWorkers: 2,
  },
})
