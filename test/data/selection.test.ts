import { existsSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { usableTraces } from '../../src/data/cold-start.ts'
import { normalForm, overlaps } from '../../src/data/contamination.ts'
import * as loaders from '../../src/data/loaders.ts'
import { problemTests, toTest } from '../../src/data/loaders.ts'
import type { Problem } from '../../src/data/problem.ts'
import { select } from '../../src/data/selection.ts'
import { SETS } from '../../src/data/sets.ts'
import { plainText } from '../../src/gate/verbatim.ts'
import { parseThinking } from '../../src/thinking/grammar.ts'
import { sharedPath } from '../shared.ts'

const problem = (id: string, more: Partial<Problem> = {}): Problem => ({ id, problem: `Problem ${id}`, answer: '1', ...more })
const set = Array.from({ length: 60 }, (_, i) => problem(`p-${i}`, { level: (i % 5) + 1, subject: i % 2 ? 'Algebra' : 'Number Theory' }))

describe('a selection', () => {
  it('keeps the order of the set and is the same every time', () => {
    const chosen = select(set, { count: 10, seed: 3 }, 'toy')
    expect(chosen).toHaveLength(10)
    expect(select(set, { count: 10, seed: 3 }, 'toy')).toEqual(chosen)
    expect(select(set, { count: 10, seed: 4 }, 'toy')).not.toEqual(chosen)
    expect(chosen).toEqual(set.filter((one) => chosen.includes(one)))
    expect(select(set, { seed: 1 }, 'toy')).toEqual(set)
    expect(select(set, { count: 100, seed: 1 }, 'toy')).toEqual(set)
  })

  it('of fewer problems is part of one of more, whatever else the set holds', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 }), (seed, a, b) => {
        const [few, many] = [Math.min(a, b), Math.max(a, b)].map((count) => select(set, { count, seed }, 'toy'))
        expect(few.every((one) => many.includes(one))).toBe(true)
        const kept = select(set.slice(0, 30), { count: few.length, seed }, 'toy')
        expect(few.filter((one) => set.indexOf(one) < 30).every((one) => kept.includes(one))).toBe(true)
      }),
    )
  })

  it('goes by level and subject, and names what is not there', () => {
    const chosen = select(set, { levels: [4, 5], subjects: ['Algebra'], seed: 1 }, 'toy')
    expect(chosen.length).toBe(12)
    expect(chosen.every(({ level, subject }) => level! >= 4 && subject === 'Algebra')).toBe(true)
    expect(() => select(set, { levels: [6], seed: 1 }, 'toy')).toThrow(/has level 6. There are: 1, 2, 3, 4, 5/)
    expect(() => select(set, { subjects: ['number theory'], seed: 1 }, 'toy')).toThrow(/Did you mean "Number Theory"?/)
    expect(() => select([problem('a')], { levels: [1], seed: 1 }, 'toy')).toThrow(/has no levels/)
    expect(() => select([problem('a')], { subjects: ['Algebra'], seed: 1 }, 'toy')).toThrow(/has no subjects/)
  })
})

describe('contamination', () => {
  it('sees through spaces, punctuation, case and LaTeX spacing', () => {
    expect(normalForm('Find $x^{2}$, if  $f(x)=3$.')).toBe(normalForm('find \\[x^2\\] if $f(x) = 3.$'))
    expect(normalForm('Find ２ ﬁsh')).toBe(normalForm('find 2 fish'))
    expect(normalForm('Find $x+1$')).not.toBe(normalForm('Find $x+2$'))
  })

  it('reports every test problem once, with a training problem of the same answer where there is one', () => {
    const train = [problem('t-1', { problem: 'Compute $3 - 1$.', answer: '2' }), problem('t-2', { problem: 'compute 3+1', answer: '4' })]
    const tests = [
      problem('a', { problem: 'Compute 3+1.', answer: '4' }),
      problem('b', { problem: 'Compute $31$', answer: '31' }),
      problem('c', { problem: 'Compute 3+2.', answer: '5' }),
      problem('d', { problem: '∅ = ∅' }),
    ]
    expect(overlaps(tests, train)).toEqual([
      { test: tests[0], train: train[1], sameAnswer: true },
      { test: tests[1], train: train[0], sameAnswer: false },
    ])
    expect(overlaps(tests, [problem('t-3', { problem: '=' })])).toEqual([])
  })
})

describe('traces', () => {
  const messy =
    'Let C.\n\n<Parallel>\n<Path>\nOne way.\n</Path>\n\n<Path>\nAnother. </Path>\n</Parallel>\n\n<Summary>\nBoth.\n</Summary>\n\nFinal Answer: 19'

  it('are left out where they teach a wrong form', () => {
    const usable = [
      messy,
      'No block. Final Answer: 3',
      messy.replace('Final Answer: 19', ''),
      messy.replace('</Summary>', ''),
      messy.replace('Another.', 'One way.'),
    ]
    const kept = usableTraces([...usable.map((trace, i) => problem(`p-${i}`, { trace })), problem('q')])
    expect(kept).toEqual([problem('p-0', { trace: messy })])
  })
})

const data = sharedPath('data/math_test.jsonl')?.replace(/math_test\.jsonl$/, '')

describe('loaders', () => {
  it('take any set by name', async () => {
    await expect(loaders.problems({ set: 'aime_24' })).rejects.toThrow(/no problem set "aime_24". Did you mean "aime24"/)
    for (const config of [{}, { set: '' }, { count: 3 }])
      await expect(loaders.problems(config)).rejects.toThrow(/names no problem set.*set: aime24/)
    await expect(loaders.problems({ set: '{{ env.PR1_SET }}' })).rejects.toThrow(/Set the environment variable PR1_SET to one/)
    await expect(loaders.problems({ set: 'aime24', cuont: 3 })).rejects.toThrow(/Did you mean "count"/)
  })

  it('make tests that promptfoo takes as they are', () => {
    const full = problem('math-test-1', { problem: '$\\text{{D}}$', level: 3, subject: 'Algebra', solution: 'One.\n' })
    expect(toTest(full, 'math-test')).toEqual({
      vars: { id: 'math-test-1', problem: ['$\\text{{D}}$'], answer: '1' },
      metadata: { set: 'math-test', level: 3, subject: 'Algebra' },
      options: { disableVarExpansion: true },
    })
    expect(toTest(full, 'math-test', true).vars.solution).toEqual(['One.\n'])
    expect(toTest(problem('a', { trace: 'x' }), 'parallel-gsm8k').vars).toEqual({ id: 'a', problem: 'Problem a', answer: '1', trace: 'x' })
  })

  it.each<[object, RegExp]>([
    [{ cuont: 3 }, /Unknown key "cuont" in the loader config of aime24. Did you mean "count"?/],
    [{ count: 0 }, /"count" in the loader config of aime24 must be an integer of 1 or more/],
    [{ level: [] }, /"level" in .* must be one value or a list of them/],
    [{ level: 'hard' }, /"level" in .* Got "hard"/],
    [{ exclude: 'math_train' }, /Did you mean "math-train"?/],
    [{ solution: 'maybe' }, /"solution" in .* must be true or false/],
  ])('refuse %o', async (config, message) => {
    await expect(problemTests('aime24', config as Record<string, unknown>)).rejects.toThrow(message)
  })

  describe.skipIf(!data)('with the data folder', () => {
    const load = async (run: () => Promise<unknown[]>) => {
      const before = process.env.PR1_DATA
      process.env.PR1_DATA = data
      try {
        return (await run()) as loaders.ProblemTest[]
      } finally {
        if (before === undefined) delete process.env.PR1_DATA
        else process.env.PR1_DATA = before
      }
    }

    it('select and decontaminate', async () => {
      const hard = await load(() => loaders.mathTest({ basePath: '/x', level: [5], subject: 'Geometry', count: 20, seed: 2 }))
      expect(hard).toHaveLength(20)
      expect(hard.every(({ metadata }) => metadata.level === 5 && metadata.subject === 'Geometry')).toBe(true)
      const clean = await load(() => loaders.mathTest({ exclude: ['math-train', 'gsm8k-train'] }))
      expect(clean).toHaveLength(4989)
      expect(clean.map(({ vars }) => vars.id)).not.toContain('math-test-4656')
      await expect(load(() => loaders.mathTest({ exclude: 'math-test' }))).rejects.toThrow(/names the set itself/)
    })

    it('give every set of the folder under its name', async () => {
      const here = SETS.filter(({ file }) => existsSync(path.join(data!, file)))
      expect(here.length).toBeGreaterThanOrEqual(15)
      for (const { name } of here) {
        const [first] = await load(() => loaders.problems({ set: name, count: 2, basePath: '/x' }))
        expect(first.metadata.set).toBe(name)
      }
      const own = await load(() => loaders.aime25({ count: 7 }))
      expect(await load(() => loaders.problems({ set: 'aime25', count: 7 }))).toEqual(own)
    })

    it('wrap exactly the problems that promptfoo would alter', async () => {
      const wrapped = (tests: loaders.ProblemTest[]) =>
        tests.filter(({ vars }) => Array.isArray(vars.problem)).map(({ vars }) => String(vars.id))
      expect(wrapped(await load(() => loaders.mathTest()))).toEqual([399, 694, 1282, 1587, 1834, 3134].map((n) => `math-test-${n}`))
      expect(wrapped(await load(() => loaders.gsm8kTest()))).toEqual([])
      const found: string[] = []
      for (const set of ['math500', 'aime26', 'hmmt25-feb', 'hmmt25-nov', 'minerva', 'olympiadbench']) {
        found.push(...wrapped(await load(() => loaders.problems({ set }))))
      }
      expect(found).toEqual(['math-test-3134', 'minerva-185', 'minerva-227', 'minerva-237'])
    })

    it('give cold-start traces that are well-formed', async () => {
      const tests = await load(() => loaders.parallelGsm8k())
      expect(tests.length).toBeGreaterThan(250)
      for (const { vars } of tests) expect(parseThinking(plainText(vars.trace!)).violations).toEqual([])
    })
  })
})
