import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/**
 * The C++ tests of the ops, built with the address and undefined-behaviour sanitizers where the compiler has them:
 * every forward against float64, every backward against central differences.
 */
const native = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../native')
const sources = ['test/ops_test.cpp', 'cache.cpp', 'threads.cpp', 'cpu/dispatch.cpp']
const instructionSets = ['avx2', 'avx512', 'neon', 'portable']
let folder: string
let program: string

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-ops-'))
  program = path.join(folder, 'ops_test')
  const files = [...sources, ...instructionSets.map((isa) => `cpu/isa_${isa}.cpp`)]
  const compile = (extra: string[]) =>
    spawnSync(
      process.env.CXX ?? 'c++',
      ['-std=c++17', '-O1', '-ffp-contract=off', '-fno-math-errno', ...extra, ...files, '-o', program, '-lpthread'],
      { cwd: native, encoding: 'utf8' },
    )
  const sanitized = compile(['-fsanitize=address,undefined', '-fno-sanitize-recover=all'])
  if (sanitized.status !== 0) {
    console.warn(`built without sanitizers: ${sanitized.stderr.split('\n')[0]}`)
    const plain = compile([])
    if (plain.status !== 0) throw new Error(plain.stderr)
  }
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('native ops', () => {
  it.each(instructionSets)(
    '%s: forwards equal float64, backwards equal finite differences',
    (isa) => {
      const run = spawnSync(program, [isa], { encoding: 'utf8', env: { ...process.env, LSAN_OPTIONS: 'detect_leaks=0' } })
      if (run.status === 2) {
        console.warn(`skipped ${isa}: ${run.stdout.trim()}`)
        return
      }
      expect(run.stdout + run.stderr).toMatch(/^done$/m)
      expect(run.status).toBe(0)
    },
    300_000,
  )
})
