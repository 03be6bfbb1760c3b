import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

// What test files make for each other (test/once.ts) lives as long as this process.
if (process.env.PR1_TEST_ONCE === undefined) {
  const shared = mkdtempSync(path.join(tmpdir(), 'pr1-tests-'))
  // Some tests are another user for a while.
  chmodSync(shared, 0o755)
  process.env.PR1_TEST_ONCE = shared
  // Drivers of native tests are kept from run to run (test/native/build.ts).
  process.env.PR1_TEST_KEPT = tmpdir()
  // Every folder that a test makes lies in the shared one, and goes with it.
  process.env.TMPDIR = shared
  // From Node 22 a process that starts promptfoo takes the code that the one before it compiled: a second less of four.
  process.env.NODE_COMPILE_CACHE ??= path.join(shared, 'compiled')
  process.on('exit', () => rmSync(shared, { recursive: true, force: true }))
}

// glibc reserves 64 MiB of addresses for a thread that finds its heap taken, which tests of memory would count.
process.env.MALLOC_ARENA_MAX ??= '1'

const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .map((name) => `test/${name.replaceAll('\\', '/')}`)
  .filter((file) => file.endsWith('.test.ts'))
const filesWith = (pattern: RegExp) => files.filter((file) => pattern.test(readFileSync(file, 'utf8')))

/** The files that ask `inProofs` (test/proofs.ts). */
const everyCase = filesWith(/inProofs/)
/** Files that start promptfoo or train take longest. */
const long = filesWith(/\/(route|runs)\.ts'/)
/** Files that change their process, measure it or start promptfoo have one of their own. For the rest a second of loading each is saved. */
const alone = filesWith(
  /\bprocess\.(?!execPath|platform|pid|ppid|cwd|version)|\bvi\b|\bglobalThis\b|\/(cpu-time|peak-memory|route|runs)\.ts'|from 'promptfoo'/,
)

/** Long files begin first, so that no worker is left with one at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(specifications: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => long.some((file) => moduleId.endsWith(file))
    const sorted = await super.sort(specifications)
    return [...sorted.filter(isLong), ...sorted.filter((one) => !isLong(one))]
  }
}

const proofs = { include: ['test/**/*.proof.ts', ...everyCase] }
const projects = [
  { extends: true as const, test: { name: 'alone', include: alone } },
  { extends: true as const, test: { name: 'together', include: files.filter((file) => !alone.includes(file)), isolate: false } },
]

export default defineConfig(({ mode }) => ({
  test: {
    // What takes minutes (npm run test:proofs): sanitizers, every op under every instruction set, the short form of npm run torture, and every
    // case of some tests (test/proofs.ts).
    ...(mode === 'proofs' ? proofs : { projects }),
    // One arithmetic on every machine. Tests of the others ask for them (test/engine/native/precision.test.ts); under
    // PR1_PRECISION=bf16 those fail that compare with float32 values.
    env: { PR1_PRECISION: process.env.PR1_PRECISION ?? 'f32', PR1_TEST_MODE: mode },
    sequence: { sequencer: LongestFirst },
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Engine tests use every core themselves; more workers only get in each other's way.
    maxWorkers: 2,
  },
}))
