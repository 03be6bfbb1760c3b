import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import fc from 'fast-check'
import type { CallApiContextParams } from 'promptfoo'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { COPY_INDEX, type CopiedSuite, numberCopies, readCopyIndex, SameDraws } from '../../src/providers/copies.ts'
import { beforeAll as beforeAllHook } from '../../src/providers/hooks.ts'
import { ModelPool } from '../../src/providers/pool.ts'
import { ParallelThinkingProvider } from '../../src/providers/provider.ts'
import { promptfooEval } from '../package/route.ts'
import { writeTinyCheckpoint } from './tiny-checkpoint.ts'

const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-copies-'))
beforeAll(() => writeTinyCheckpoint(path.join(folder, 'model')))
afterAll(() => rmSync(folder, { recursive: true, maxRetries: 5 }))

const PROMPT = 'Solve {{ problem | replace("id", "x") }}.'
const numbers = (suite: CopiedSuite) => numberCopies(suite).map(({ vars }) => vars?.[COPY_INDEX])
const suite = (problems: readonly (string | object)[], prompts = [PROMPT]): CopiedSuite => ({
  prompts: prompts.map((raw) => ({ raw })),
  tests: problems.map((one, id) => ({ vars: { id: `p${id}`, ...(typeof one === 'string' ? { problem: one } : one) } })),
})

describe('the number of a copy', () => {
  it('counts the tests before it that the prompt reads alike, whatever else they hold', () => {
    expect(numbers(suite(['a', 'b', 'a', 'a', 'b']))).toEqual([undefined, undefined, 1, 2, 1])
  })

  it('leaves every first copy as it is', () => {
    const given = suite(['a', 'b', 'c'])
    expect(numberCopies(given)).toEqual(given.tests)
  })

  it.each([
    ['another prompt reads more', ['{{ problem }}', '{{ id }}: {{ problem }}'], [undefined, 1]],
    ['every prompt tells them apart', ['{{ problem }} {{ id }}'], [undefined, undefined]],
    ['a variable names the one that differs', ['{{ wrapped }}'], [undefined, undefined]],
    ['an included file may read what differs', ['{% include "x.j2" %}'], [undefined, undefined]],
  ])('where %s', (_, prompts, expected) => {
    const given = suite(
      [{ problem: 'a', wrapped: '{{ id }}' }, 'a'].map((one) => (typeof one === 'string' ? { problem: one, wrapped: '{{ id }}' } : one)),
      prompts,
    )
    expect(numbers(given)).toEqual(expected)
  })

  it('looks at defaults, at what stands before and behind a prompt, and at functions', () => {
    const tests = [{ vars: { id: 1 } }, { vars: { id: 2 } }, { vars: { id: 3 }, options: { prefix: 'Think. ' } }]
    const given = { prompts: [{ raw: PROMPT }], tests, defaultTest: { vars: { problem: 'same' } } }
    expect(numbers(given)).toEqual([undefined, 1, undefined])
    expect(numbers({ ...given, prompts: [{ raw: PROMPT, function: () => '' }] })).toEqual([undefined, undefined, undefined])
    expect(numbers({ ...given, defaultTest: { vars: { problem: 'same' }, options: { transformVars: 'vars' } } })).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  it('stays where a test has one, and nobody else gets it', () => {
    expect(numbers(suite(['a', { problem: 'a', [COPY_INDEX]: 1 }, 'a', { problem: 'a', [COPY_INDEX]: '5' }]))).toEqual([
      undefined,
      1,
      2,
      '5',
    ])
    // What --filter-failing leaves of four copies: each draws what it drew.
    expect(
      numbers(
        suite([
          { problem: 'a', [COPY_INDEX]: 2 },
          { problem: 'a', [COPY_INDEX]: 3 },
        ]),
      ),
    ).toEqual([2, 3])
  })

  it('is distinct among the copies of every prompt', () => {
    const vars = fc.record({ a: fc.integer({ min: 0, max: 2 }), b: fc.integer({ min: 0, max: 2 }) })
    fc.assert(
      fc.property(fc.array(vars, { maxLength: 20 }), (list) => {
        const given = suite(list, ['{{ a }}', '{{ b }}', '{{ a }}{{ b }}'])
        const found = numberCopies(given).map((test) => ({ ...test.vars, copy: readCopyIndex(test.vars) }) as Record<string, unknown>)
        for (const name of ['a', 'b']) expect(new Set(found.map((one) => `${one[name]} ${one.copy}`)).size).toBe(list.length)
      }),
    )
  })

  it('is a whole number', () => {
    expect(readCopyIndex({})).toBe(0)
    expect(readCopyIndex({ [COPY_INDEX]: '3' })).toBe(3)
    for (const wrong of ['x', -1, 1.5, true]) expect(() => readCopyIndex({ [COPY_INDEX]: wrong })).toThrow(/0, 1, 2, … Got/)
  })

  it('is set by the hook, but not where training asks for the rows', async () => {
    const context = { suite: { ...suite(['a', 'a']), providers: ['kept'] } }
    const { suite: numbered } = await beforeAllHook(context)
    expect(numbered).toMatchObject({ providers: ['kept'], tests: [{ vars: { id: 'p0' } }, { vars: { id: 'p1', [COPY_INDEX]: 1 } }] })
    expect(context.suite.tests?.[1].vars).not.toHaveProperty(COPY_INDEX)
    vi.stubEnv('PR1_CAPTURE', 'rows.jsonl')
    expect(await beforeAllHook(context)).toBe(context)
    vi.unstubAllEnvs()
  })
})

describe('rows that draw the same', () => {
  const row = (test: number, evalId = 'one') => ({ vars: { __evalStepId: `test-${test}-prompt-0-repeat-0`, __evalId: evalId } })

  it('are named', () => {
    const draws = new SameDraws()
    expect(draws.note(row(3), 17, 'tiny')).toBeUndefined()
    expect(draws.note(row(3), 17, 'tiny')).toBeUndefined()
    expect(draws.note(row(4), 18, 'tiny')).toBeUndefined()
    expect(draws.note(row(15), 17, 'tiny')).toMatch(/Rows 3 and 15 .*"tiny".*hooks.js:beforeAll.*_copyIndex/)
    expect(draws.note(row(5, 'two'), 17, 'tiny')).toBeUndefined()
    expect(draws.note({ vars: {} }, 17, 'tiny')).toBeUndefined()
  })
})

describe('a provider', () => {
  it('draws another sample for every copy, the same whenever it is asked', async () => {
    const pool = new ModelPool()
    const config = { checkpoint: path.join(folder, 'model'), device: 'cpu', threads: 1, samples: 'off', mode: 'sequential', maxTokens: 24 }
    const provider = new ParallelThinkingProvider({ config }, pool)
    const warn = vi.fn()
    const ask = (copy: number | undefined, test: number) => {
      const vars = { ...(copy !== undefined && { [COPY_INDEX]: copy }), __evalStepId: `test-${test}-prompt-0-repeat-0`, __evalId: 'x' }
      const context = { vars, prompt: { raw: '', label: '' }, logger: { warn } } as unknown as CallApiContextParams
      return provider.callApi('Use 1 and 2 to make 3.', context)
    }
    const copies = await Promise.all([undefined, 1, 2, 3].map(ask))
    expect(new Set(copies.map(({ output }) => output)).size).toBe(4)
    expect(copies.map(({ metadata }) => metadata?.copyIndex)).toEqual([undefined, 1, 2, 3])
    expect(await ask(2, 2)).toEqual(copies[2])
    expect(await ask(0, 0)).toEqual(copies[0])
    expect(warn).not.toHaveBeenCalled()
    expect(await ask(undefined, 9)).toEqual(copies[0])
    expect(warn.mock.calls.flat()).toEqual([expect.stringContaining('Rows 0 and 9')])
    await pool.releaseAll()
  })
})

describe('promptfoo eval', () => {
  const source = (file: string) => pathToFileURL(path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../src', file)).href
  const config = (concurrency: number) => ({
    prompts: [{ raw: 'Make {{ target }}.', label: 'plain' }],
    providers: [
      {
        id: 'file://provider.mts',
        label: 'tiny',
        config: { checkpoint: 'model', samples: 'off', device: 'cpu', threads: 1, mode: 'sequential', maxTokens: 16 },
      },
    ],
    // Fails in the copies with an odd name.
    defaultTest: { assert: [{ type: 'javascript', value: 'Number(context.vars.name) % 2 === 0' }] },
    tests: Array.from({ length: 8 }, (_, name) => ({ vars: { name: String(name), target: String(10 + Math.floor(name / 4)) } })),
    extensions: [`${source('providers/hooks.ts')}:beforeAll`],
    commandLineOptions: { maxConcurrency: concurrency, repeat: 2 },
    env: { PROMPTFOO_PASS_RATE_THRESHOLD: '0' },
  })
  const evaluate = (concurrency: number, args: string[]) => {
    writeFileSync(
      path.join(folder, 'provider.mts'),
      `export { ParallelThinkingProvider as default } from '${source('providers/provider.ts')}'`,
    )
    writeFileSync(path.join(folder, 'promptfooconfig.yaml'), JSON.stringify(config(concurrency)))
    return promptfooEval(folder, 'promptfooconfig.yaml', args)
  }

  it('gives each copy its own samples at any concurrency, and the same ones where failed tests run again', async () => {
    const whole = await evaluate(6, [])
    expect(whole.code, whole.log).toBe(0)
    const drawn = (rows: typeof whole.rows) =>
      new Map(
        rows.map(({ vars, response }) => [`${vars.name} ${response?.metadata?.repeatIndex}`, [response?.output, response?.metadata?.seed]]),
      )
    const first = drawn(whole.rows)
    expect(first.size).toBe(16)
    expect(new Set([...first.values()].map(([, seed]) => seed)).size).toBe(16)
    expect(whole.log).not.toContain('ask the same')
    writeFileSync(path.join(folder, 'before.json'), JSON.stringify({ results: { results: whole.rows } }))
    const again = await evaluate(1, ['--filter-failing', 'before.json'])
    expect([...drawn(again.rows)].sort()).toEqual([...first].filter(([key]) => Number(key[0]) % 2 === 1).sort())
  }, 120_000)
})
