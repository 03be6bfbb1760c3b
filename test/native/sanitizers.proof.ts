import { beforeAll, describe, expect, it, type TestContext } from 'vitest'
import { addressSanitizer, instructionSets, program, run, sanitizerWorks, threadSanitizer } from './build.ts'

/** The decoder in C++ alone (test/native/model_driver.cpp) under the sanitizers, with every instruction set and precision that is here. */
const driver = '../test/native/model_driver.cpp'
const precisions = ['f32', 'bf16', 'blocks']

function sanitized(sanitizer: readonly string[]) {
  let built: { file: string; env: NodeJS.ProcessEnv } | { missing: string }
  beforeAll(async () => {
    const works = await sanitizerWorks(sanitizer)
    built = 'missing' in works ? works : { file: await program(driver, sanitizer), env: works.env }
  }, 600_000)
  return async (context: TestContext, ...args: string[]): Promise<void> => {
    if ('missing' in built) {
      console.warn(`skipped: ${built.missing}`)
      return context.skip(built.missing)
    }
    const { status, output } = await run(built.file, args, built.env)
    if (status === 2) return context.skip(output.trim())
    expect(output).toMatch(/^done$/m)
    expect(status).toBe(0)
  }
}

describe('address and undefined behaviour', () => {
  const check = sanitized(addressSanitizer)
  it.for([
    ...instructionSets.flatMap((isa) => precisions.map((precision) => [isa, precision] as const)),
    ['amx-bf16', 'bf16'] as const,
    ...['portable', 'avx512', 'amx-int8', 'avx2', 'avx-vnni'].map((isa) => [isa, 'bytes'] as const),
  ])('%s, %s: training, decoding with forks, the engine thread', { timeout: 300_000 }, ([isa, precision], context) =>
    check(context, isa, precision, '3'),
  )
})

describe('threads', () => {
  const check = sanitized(threadSanitizer)
  // What threads share is the same code for every instruction set: the best one here stands for all.
  it.for([...precisions, 'bytes'])('%s: no data race', { timeout: 300_000 }, (precision, context) =>
    check(context, '', precision, '3', 'short'),
  )
})
