import { defineConfig } from 'vitest/config'

export default defineConfig(({ mode }) => ({
  test: {
    // What takes minutes and changes with native/ only: sanitizers, every op under every instruction set (npm run test:proofs).
    include: [mode === 'proofs' ? 'test/**/*.proof.ts' : 'test/**/*.test.ts'],
    // One arithmetic on every machine. Tests of the others ask for them (test/engine/native/precision.test.ts); under
    // PR1_PRECISION=bf16 those fail that compare with float32 values.
    env: { PR1_PRECISION: process.env.PR1_PRECISION ?? 'f32' },
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Engine tests use every core themselves; more workers only get in each other's way.
    maxWorkers: 2,
  },
}))
