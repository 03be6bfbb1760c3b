import { readdirSync, readFileSync } from 'node:fs'
import { defineConfig } from 'vitest/config'

/** The files that ask `inProofs` (test/proofs.ts). */
const everyCase = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .map((name) => `test/${name}`)
  .filter((file) => file.endsWith('.test.ts') && readFileSync(file, 'utf8').includes('inProofs'))

export default defineConfig(({ mode }) => ({
  test: {
    // What takes minutes (npm run test:proofs): sanitizers, every op under every instruction set, the short form of npm run torture, and every
    // case of some tests (test/proofs.ts).
    include: mode === 'proofs' ? ['test/**/*.proof.ts', ...everyCase] : ['test/**/*.test.ts'],
    // One arithmetic on every machine. Tests of the others ask for them (test/engine/native/precision.test.ts); under
    // PR1_PRECISION=bf16 those fail that compare with float32 values.
    env: { PR1_PRECISION: process.env.PR1_PRECISION ?? 'f32', PR1_TEST_MODE: mode },
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Engine tests use every core themselves; more workers only get in each other's way.
    maxWorkers: 2,
  },
}))
