import { beforeAll, describe, expect, it } from 'vitest'
import { addressSanitizer, instructionSets, program, run, sanitizerWorks } from './build.ts'

/**
 * The C++ tests of the ops, built with the address and undefined-behaviour sanitizers where the compiler has them:
 * every forward against float64, every backward against central differences.
 */
let file: string
let env: NodeJS.ProcessEnv = {}

beforeAll(async () => {
  const works = await sanitizerWorks(addressSanitizer)
  if ('missing' in works) console.warn(`built without sanitizers: ${works.missing}`)
  else env = works.env
  file = await program('test/ops_test.cpp', 'missing' in works ? [] : addressSanitizer)
}, 600_000)

describe('native ops', () => {
  it.for(instructionSets)('%s: forwards equal float64, backwards equal finite differences', { timeout: 300_000 }, async (isa, context) => {
    const { status, output } = await run(file, [isa], env)
    if (status === 2) return context.skip(output.trim())
    expect(output).toMatch(/^done$/m)
    expect(status).toBe(0)
  })
})
