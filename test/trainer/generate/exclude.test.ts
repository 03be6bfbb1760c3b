import { describe, expect, it } from 'vitest'
import { withoutTests } from '../../../src/trainer/generate/exclude.ts'
import type { Suite } from '../../../src/trainer/suite/suite.ts'

const suite = (...all: (string | Record<string, unknown>)[]): Suite => ({
  file: 'suite.yaml',
  folder: '.',
  provider: { label: 'p', config: {}, ours: false },
  rows: all.map((one) => {
    const vars = typeof one === 'string' ? { problem: one } : one
    return { prompt: `Solve: ${JSON.stringify(vars)}`, promptConfig: {}, vars, test: {} }
  }),
})

const TEST = 'Janet has 16 eggs a day, eats 3 and bakes with 4. She sells the rest for $2 each. How much does she make in a day?'

describe('problems of a test set', () => {
  it('are not asked: equal ones but for signs, and near ones from the threshold on', async () => {
    const rows = suite(TEST.toUpperCase(), TEST.replace('16', '18'), TEST.replace('Janet', 'Ruth'), 'How many legs have 3 cats?')
    const { exact, near, tests, rows: left, examples } = await withoutTests(rows, [suite(TEST, 'Another?')], { near: 0.8 })
    expect({ exact, near, tests, left: left.map(({ vars }) => vars.problem) }).toEqual({
      exact: 1,
      near: 2,
      tests: 2,
      left: ['How many legs have 3 cats?'],
    })
    expect(examples[0].similarity).toBe(1)
    expect(examples.at(-1)).toMatchObject({ test: TEST, problem: TEST.replace('Janet', 'Ruth') })
    expect(examples.at(-1)!.similarity).toBeGreaterThan(0.85)
  })

  it('near ones are asked where the threshold is 0 or out of reach', async () => {
    const rows = suite(TEST.replace('Janet', 'Ruth'))
    for (const near of [0, 0.99]) expect((await withoutTests(rows, [suite(TEST)], { near })).rows).toHaveLength(1)
  })

  it('are what a template of their vars says, where problems differ in their numbers alone', async () => {
    const countdown = (numbers: string, target: number) => ({ numbers, target })
    const rows = suite(countdown('5 1 11', 17), countdown('5 11 2', 17), countdown('1 5 1', 117))
    const problem = '{{ numbers.split(" ") | sort | join(" ") }} {{ target }}'
    const found = await withoutTests(rows, [suite(countdown('11 1 5', 17))], { near: 0, problem })
    expect(found).toMatchObject({ exact: 1, near: 0 })
    expect(found.rows.map(({ vars }) => vars.numbers)).toEqual(['5 11 2', '1 5 1'])
    await expect(withoutTests(rows, [suite('no numbers')], { near: 0, problem })).rejects.toThrow(
      /does not render for test 1 of suite.yaml/,
    )
  })

  it('are texts: what looks like a template is compared as it stands', async () => {
    const rows = suite('What is {{ 1 + 1 }}?', 'What is 2?')
    expect((await withoutTests(rows, [suite('What is 2?')], { near: 0 })).rows.map(({ vars }) => vars.problem)).toEqual([
      'What is {{ 1 + 1 }}?',
    ])
  })
})
