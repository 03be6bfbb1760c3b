import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // One arithmetic on every machine. Tests of the others ask for them (test/engine/native/precision.test.ts); under
    // PR1_PRECISION=bf16 those fail that compare with float32 values.
    env: { PR1_PRECISION: process.env.PR1_PRECISION ?? 'f32' },
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Engine tests use every core themselves; more workers only get in each other's way.
    maxWorkers: 2,
  },
})
