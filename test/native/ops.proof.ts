import { beforeAll, describe, expect, it, type TestContext } from 'vitest'
import { addressSanitizer, instructionSets, program, run, sanitizerWorks } from './build.ts'

/**
 * The C++ tests of the ops, built with the address and undefined-behaviour sanitizers where the compiler has them:
 * every forward against float64, every backward against central differences.
 */
let sanitizers: readonly string[] = []
let env: NodeJS.ProcessEnv = {}

beforeAll(async () => {
  const works = await sanitizerWorks(addressSanitizer)
  if ('missing' in works) console.warn(`built without sanitizers: ${works.missing}`)
  else [sanitizers, env] = [addressSanitizer, works.env]
}, 600_000)

/** A driver ends with 2 where the CPU lacks the instruction set. */
async function passes(file: string, isa: string, context: TestContext): Promise<void> {
  const { status, output } = await run(file, [isa], env)
  if (status === 2) return context.skip(output.trim())
  expect(output).toMatch(/^done$/m)
  expect(status).toBe(0)
}

describe('products as the matrix units have them', () => {
  let file: string
  beforeAll(async () => {
    file = await program('test/tiles_test.cpp', sanitizers)
  }, 600_000)

  it.for(['amx-bf16', ...instructionSets.filter((isa) => !isa.endsWith('bf16')).map((isa) => `amx-bf16:${isa}`)])(
    '%s: bit for bit as stated in plain C++',
    { timeout: 300_000 },
    (isa, context) => passes(file, isa, context),
  )
})

it('products of 8-bit rows: bit for bit as in portable C++, kernel by kernel', { timeout: 600_000 }, async () => {
  const { status, output } = await run(await program('test/integers_test.cpp', sanitizers), [], env)
  expect(output).toMatch(/^done$/m)
  if (process.arch === 'x64') expect(output).toMatch(/^ok /m)
  expect(status).toBe(0)
})

describe.each([
  ['ops', 'forwards equal float64, backwards equal finite differences'],
  ['blocks', 'products and rows of every type of block equal float64'],
])('native %s', (name, what) => {
  let file: string
  beforeAll(async () => {
    file = await program(`test/${name}_test.cpp`, sanitizers)
  }, 600_000)

  it.for(name === 'blocks' ? [...instructionSets, 'amx-int8', 'avx-vnni'] : instructionSets)(
    `%s: ${what}`,
    { timeout: 300_000 },
    (isa, context) => passes(file, isa, context),
  )
})
