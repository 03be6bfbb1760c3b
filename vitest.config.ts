import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Engine tests use every core themselves; more workers only get in each other's way.
    maxWorkers: 2,
    reporters: process.env.CI ? ['default'] : ['default'],
  },
})
