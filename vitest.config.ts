import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // One arithmetic on every machine; conformance in the others is asked for by test/engine/native/precision.test.ts, and
    // PR1_PRECISION=bf16 npx vitest run tries the rest in it.
    env: { PR1_PRECISION: process.env.PR1_PRECISION ?? 'f32' },
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Engine tests use every core themselves; more workers only get in each other's way.
    maxWorkers: 2,
    reporters: process.env.CI ? ['default'] : ['default'],
  },
})
