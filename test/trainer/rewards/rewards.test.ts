import { describe, expect, it } from 'vitest'
import type { SuiteAssertion } from '../../../src/grading/references.ts'
import { GraderError, GradersEndedError } from '../../../src/trainer/grading/scoring.ts'
import { checkMetrics, compileReward, RewardError, resolveDoubts, symbolOf } from '../../../src/trainer/rewards/rewards.ts'
import type { SuiteRow } from '../../../src/trainer/suite/suite.ts'

/** c: correct, p: a block (the metric says 0 or 1), f: valid structure. */
interface Case {
  c: number
  p: number
  f: number
  step: number
  d: number
  e: number
}

const cases: Case[] = []
for (const c of [0, 1])
  for (const p of [0, 1])
    for (const f of [0, 1])
      for (const step of [1, 8, 9, 10, 11, 18, 19])
        for (const [d, e] of [
          [1, 0],
          [0.25, 0.6],
        ])
          cases.push({ c, p, f, step, d, e })

const sign = (c: number): number => (c ? 1 : -1)

/** The table of parallel-thinking.md §5: name, its one line, its formula. `diversity` is 1 − mean pairwise BLEU. */
const TABLE: [string, string, (x: Case) => number][] = [
  ['accuracy', '2 * answer - 1', ({ c }) => sign(c)],
  [
    'alternating',
    'mod(step - 1, 10) < 8 ? 2 * answer - 1 : answer and not parallel ? 1 : answer and parallel and structure ? 1.2 : -1',
    ({ c, p, f, step }) => {
      if ((step - 1) % 10 < 8) return sign(c)
      if (c && !p) return 1
      return c && p && f ? 1.2 : -1
    },
  ],
  ['strict', 'answer * parallel * structure', ({ c, p, f }) => (c && p && f ? 1 : 0)],
  ['strict, −1', 'answer and parallel and structure ? 1 : -1', ({ c, p, f }) => (c && p && f ? 1 : -1)],
  ['accuracy + structure', '(2 * answer - 1) + 0.5 * (parallel and structure)', ({ c, p, f }) => sign(c) + 0.5 * (p && f)],
  [
    'bonus every step',
    'answer and not parallel ? 1 : answer and parallel and structure ? 1.2 : -1',
    ({ c, p, f }) => (c && !p ? 1 : c && p && f ? 1.2 : -1),
  ],
  ['diversity', '(2 * answer - 1) - 0.3 * (1 - diversity)', ({ c, d }) => sign(c) - 0.3 * (1 - d)],
  ['efficiency', 'answer ? 1 + 0.4 * efficiency : -1 + 0.1 * efficiency', ({ c, e }) => (c ? 1 + 0.4 * e : -1 + 0.1 * e)],
  [
    'efficiency, fading',
    'answer ? 1 + 0.4 * efficiency * exp(-step / 50) : -1 + 0.1 * efficiency * exp(-step / 50)',
    ({ c, e, step }) => (c ? 1 : -1) + (c ? 0.4 : 0.1) * e * Math.exp(-step / 50),
  ],
]

describe('reward expressions', () => {
  it.each(TABLE)('say the reference in one line: %s', async (_, expression, formula) => {
    const reward = await compileReward(expression)
    for (const x of cases) {
      const metrics = { answer: x.c, parallel: x.p, structure: x.f, diversity: x.d, efficiency: x.e }
      expect(reward.evaluate(metrics, x.step), JSON.stringify(x)).toBeCloseTo(formula(x), 12)
    }
  })

  it('take metric names that are no identifiers', async () => {
    expect(symbolOf('parallel-used')).toBe('parallel_used')
    const reward = await compileReward('parallel_used + 1')
    expect(reward.evaluate({ 'parallel-used': 0.5 }, 1)).toBe(1.5)
    expect(() => reward.evaluate({ 'parallel-used': 1, parallel_used: 1 }, 1)).toThrow(/Two metrics are both "parallel_used"/)
  })

  it('name the metrics there are when one is missing', async () => {
    const reward = await compileReward('anwser + step')
    expect(() => reward.evaluate({ answer: 1, structure: 0 }, 1)).toThrow(/"anwser".*Metrics present: answer, structure/)
  })

  it('stop at a value that is no finite number', async () => {
    const reward = await compileReward('1 / answer')
    expect(reward.evaluate({ answer: 2 }, 1)).toBe(0.5)
    expect(() => reward.evaluate({ answer: 0 }, 1)).toThrow(/Infinity/)
  })

  it.each([
    'a = 3',
    'f(x) = 2',
    'cos(answer)',
    '"text"',
    '[1, 2]',
    'answer[1]',
    'answer.length',
    '{a: 1}',
    '1:3',
    'answer; 2',
    'answer!',
    'answer | 1',
    'import(1)',
    'evaluate(1)',
    'constructor(1)',
    'answer.toString(2)',
    '',
    'answer +',
  ])('refuse %j', async (expression) => {
    await expect(compileReward(expression)).rejects.toThrow(/reward/)
  })
})

describe('a percent sign', () => {
  it.each(['0.5 + 10%', '10 % 3', 'answer * 50%'])('is refused in %j, with what to write', async (expression) => {
    await expect(compileReward(expression)).rejects.toThrow('The reward may not hold "%".')
    await expect(compileReward(expression)).rejects.toThrow('Write mod(a, b) for a remainder, and 0.1 for 10 %.')
  })
})

describe('the metrics of a suite', () => {
  const own = (metric: string): SuiteAssertion => ({ type: 'javascript', metric, value: 'package:parallel-r1:mathAnswer' })
  const file = (metric: string): SuiteAssertion => ({ type: 'javascript', metric, value: 'file://grade.ts:f' })
  const check = async (expression: string, ...rows: SuiteAssertion[][]) =>
    checkMetrics(await compileReward(expression), {
      file: 'rl.yaml',
      rows: rows.map((assert) => ({ prompt: '', promptConfig: {}, vars: {}, test: { assert } })),
    })

  it('hold every name of the reward, in every row, also within assert-sets', async () => {
    expect(await check('answer * parallel_used', [own('answer'), { type: 'assert-set', assert: [own('parallel-used')] }])).toEqual([])
    await expect(check('answer', [own('answer')], [own('structure')])).rejects.toThrow(
      'The reward "answer" uses "answer", which no assertion of test 2 of rl.yaml has. Correct the expression, or give an assertion `metric: answer`. There are: structure.',
    )
    await expect(check('anwser', [file('answer')])).rejects.toThrow('Did you mean "answer"?')
  })

  it('may be reported by a grader that nobody knows before it runs', async () => {
    const answer = [file('answer')]
    expect(await check('tempo + 1', answer, answer, [...answer, own('more')])).toEqual([{ symbol: 'tempo', row: 0 }])
    expect(await check('tempo', answer, [file('structure')])).toEqual([
      { symbol: 'tempo', row: 0 },
      { symbol: 'tempo', row: 1 },
    ])
    expect(await check('rescue', [own('answer')])).toEqual([])
    await expect(check('tempo', [own('answer')])).rejects.toThrow('uses "tempo"')
  })

  it('are then looked for in the grades of an empty answer', async () => {
    const rows: SuiteRow[] = [file('a'), file('b')].map((one) => ({ prompt: '', promptConfig: {}, vars: {}, test: { assert: [one] } }))
    const asked: number[] = []
    const resolve = async (grade: () => Record<string, number>) =>
      resolveDoubts(
        await compileReward('tempo + pause'),
        { file: 'rl.yaml', rows },
        [
          { symbol: 'tempo', row: 0 },
          { symbol: 'pause', row: 0 },
          { symbol: 'tempo', row: 1 },
        ],
        async (row) => {
          asked.push(rows.indexOf(row))
          return grade()
        },
      )
    expect(await resolve(() => ({ tempo: 0, pause: 0 }))).toEqual([])
    expect(asked).toEqual([0, 1])
    await expect(resolve(() => ({ pause: 0, 'temp o': 1 }))).rejects.toThrow(
      'The reward "tempo + pause" uses "tempo", which no assertion of test 1 of rl.yaml has. Did you mean "temp_o"? There are: pause, temp_o.',
    )
    const failing = (error: Error) => () => {
      throw error
    }
    expect(await resolve(failing(new GraderError('A grader failed (a).\nIts stack')))).toEqual([
      'Warning: "tempo" and "pause" of the reward cannot be looked for, as an empty answer of test 1 of rl.yaml cannot be graded. A grader failed (a).',
      'Warning: "tempo" of the reward cannot be looked for, as an empty answer of test 2 of rl.yaml cannot be graded. A grader failed (a).',
    ])
    await expect(resolve(failing(new GradersEndedError('It hung.')))).rejects.toThrow('It hung.')
    await expect(resolve(failing(new TypeError('ours')))).rejects.toThrow('ours')
  })

  it.each(['step', 'min', 'floor', 'and', 'mod', 'true', 'end', 'NaN', 'null'])('cannot be called %s', async (name) => {
    await expect(check('answer', [own('answer'), own(name)])).rejects.toThrow(`is called "${name}", which means something else`)
  })

  it('cannot be two under one name', async () => {
    await expect(check('a_b', [own('a-b'), own('a_b')])).rejects.toThrow('"a_b" and "a-b" of test 1 of rl.yaml are both "a_b"')
  })

  it('make a reward that cannot be computed an error of its own kind', async () => {
    const reward = await compileReward('1 / answer')
    expect(() => reward.evaluate({ answer: 0 }, 1)).toThrow(RewardError)
    expect(() => reward.evaluate({}, 1)).toThrow(RewardError)
  })
})
