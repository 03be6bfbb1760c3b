import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countdownAnswer } from '../../src/assertions/countdown-answer.ts'
import { ConfigError } from '../../src/engine/errors.ts'
import { cpuTime } from './cpu-time.ts'

const grade = (output: unknown, numbers: unknown = [11, 1, 5], target: unknown = 17) =>
  countdownAnswer(output, { vars: { numbers, target } as Record<string, string> })

describe('countdownAnswer', () => {
  it.each([
    'Final Answer: (11 + 1) + 5 = 17',
    'Final Answer: (11 + 1) + 5',
    'answer: 5+12-1+1\nAnswer: 5+(11+1)',
    'Answer: 17 = 11 + 1 + 5.',
    '**Final Answer:** **(11 + 1) + 5 = 17**',
    'Final Answer: $11 + 1 + 5 = 17$',
    'Final Answer: \\(11 + 1 + 5 = 17\\)',
    'Final Answer: \\boxed{11 + 1 + 5 = 17}',
    'So it is \\boxed{(11+1)+5}.',
    'Final Answer: 11 + 1 = 12; 5 + 12 = 17',
    'Final Answer: 11 + 1 = 12, 12 + 5 = 17',
    'Final Answer: First 11 + 1 = 12 and then 12 + 5 = 17',
    'Final Answer:\n11 + 1 = 12\n12 + 5 = 17\n\nDone.',
    'Final Answer:\n(11 + 1) + 5 = 17',
    'Answer: 11 + 1 = 12; 12 + 5 = 17; so (11 + 1) + 5 = 17',
    'Final Answer: 5 - 1 = 4; 11 + 5 + 1 = 17',
    'I tried 11 * 5 = 55.\n11 + 1 + 5 = 17',
    '- 11 + 1 + 5 = 17',
    'Answer: ((11) + [1]) + {5} = 17.0',
    'Answer: 1 - 5 = -4; 11 - -4 = 15\nFinal Answer: 11 + 5 + 1',
    '<think>Answer: 1 + 1</think>Answer: 11 + 5 + 1',
    // Prose, arrows and check marks around the statements.
    'Answer: 11 + 1 = 12 → 12 + 5 = 17 ✅',
    'Answer: 11 + 1 = 12 => 12 + 5 = 17',
    'Answer: 11 + 1 = 12 \\Rightarrow 12 + 5 = 17',
    'Answer: "11 + 1 + 5". That works!',
    'Answer: 11\u00a0+\u00a01\u00a0+\u00a05 = 17?',
    'Answer: 11 + 1 + 5 = 17, which is 100% of it',
    'Answer: 1. 11 + 1 = 12; 2. 12 + 5 = 17',
  ])('accepts %j', (output) => {
    expect(grade(output)).toMatchObject({ pass: true, score: 1 })
  })

  it.each<[string, unknown, number | string]>([
    ['Answer: 6 × 4 ÷ 8', [6, 4, 8], 3],
    ['Answer: 6 · 4 / 8', [6, 4, 8], 3],
    ['Answer: \\frac{6 \\times 4}{8}', [6, 4, 8], 3],
    ['Answer: 6 x 4 - 8', [6, 4, 8], 16],
    ['Answer: 8 − 6 − 4', [6, 4, 8], -2],
    ['Answer: 8 / (3 - 8 / 3) = 24', [8, 3, 8, 3], 24],
    ['Answer: 1 / 3 * 6 = 2', [1, 3, 6], 2],
    ['Answer: 7 / 2', [7, 2], '7/2'],
    ['Answer: 7 / 2', [7, 2], '3.5'],
    ['Answer: 4 - 6 = -2; -2 + 8 = 6', [4, 6, 8], 6],
    ['Answer: 5 / 2 = 2.5; 2.5 * 4 = 10', [5, 2, 4], 10],
    ['Answer: 1,000 + 5', [1000, 5], 1005],
    ['Answer: 95+5=100,100+5=105', [95, 5, 5], 105],
    ['Answer: 12 + 5 = 17; 17 - 12 = 5', [12, 5, 12], 5],
    ['Answer: 17', [17], 17],
    ['Answer: 11 + 1 + 5', '11 1 5', '17'],
    ['Answer: 11 + 1 + 5', '[11, 1, 5]', ' 17 '],
    ['Answer: 11 + 1 + 5', '11,1,5', '17'],
    ['Answer: 11 + 1 + 5', ['11', '1', '5'], 17],
  ])('accepts %j for %j and %j', (output, numbers, target) => {
    expect(grade(output, numbers, target).reason).toMatch(/evaluates to/)
    expect(grade(output, numbers, target)).toMatchObject({ pass: true })
  })

  it.each<[string, RegExp]>([
    ['Final Answer: 11 + 1 + 5 = 18', /is wrong: the left side is 17/],
    ['Final Answer: 11 + 1 = 13; 5 + 12 = 17', /is wrong: the left side is 12/],
    ['Final Answer: 11 + 5', /the target is 17; 1 is not used/],
    ['Final Answer: 11 + 5 + 1 + 1 - 1', /1 is used more than once/],
    ['Final Answer: 12 + 5', /12 is not one of the numbers 11, 1, 5/],
    ['Final Answer: 17', /17 is not one of the numbers/],
    ['Final Answer: 11 + 5 * 1', /evaluates to 16, but the target is 17/],
    ['Final Answer: 5 + 11 - -1', /unary minus is not allowed/],
    ['Final Answer: -(1 - 11) + 5', /unary minus\) is not allowed/],
    ['Final Answer: 11 + 1 ^ 5 + 5', /a power \("\^"\) is not allowed/],
    ['Final Answer: 11 + 5 + 1 ** 5', /a power \("\*\*"\) is not allowed/],
    ['Final Answer: 11 / (5 - 5) + 1', /divides by zero/],
    ['Final Answer: (11 + 1) + 5)', /"\)" is out of place/],
    ['Final Answer: (11 + 1 + 5', /ends too early/],
    ['Final Answer: (11 + 1](5)', /out of place/],
    ['Final Answer: 5(11 + 1)', /no operator before "\("/],
    ['Final Answer: 11 + 1 = 12; 11 + 5 + 1 - 11 = 6', /used more than once/],
    ['Final Answer: 11 + 1 = 12; 12 + 12 = 24', /used more than once|not one of the numbers/],
    ['Final Answer: there is none', /no number/],
    ['Final Answer:', /No answer found/],
    ['I give up.', /No answer found/],
    ['', /No answer found/],
    ['\\boxed{}', /No answer found/],
    ['\\boxed{11 + 1 + 5', /No answer found/],
    // Each comes to the target with the sign or the word left out.
    ['Final Answer: (11 + 1 + 5)!', /"!" is not allowed: use \+ - \* \/ and parentheses only/],
    ['Final Answer: 11 + 1 + 5²', /"²" is not allowed/],
    ['Final Answer: |11 + 1 + 5|', /"\|" is not allowed/],
    ['Final Answer: 11 + 1 + 5 ≠ 17', /"≠" is not allowed/],
    ['Final Answer: 11 + 1 + 5 != 17', /"!" is not allowed/],
    ['Final Answer: 11 + 1 + 5 < 18', /"<" is not allowed/],
    ['Final Answer: 11 + 1 + 5%', /"%" is not allowed/],
    ['Final Answer: sqrt(11 + 1 + 5)', /"sqrt" is not allowed/],
    ['Final Answer: sqrt (11 + 1 + 5)', /"sqrt" is not allowed/],
    ['Final Answer: √(11 + 1 + 5)', /"√" is not allowed/],
    ['Final Answer: f(11 + 1 + 5)', /"f" is not allowed/],
    ['Final Answer: \\sqrt{11 + 1 + 5}', /"\\sqrt" is not allowed/],
    ['Final Answer: \\binom{11}{1} + 5', /"\\binom" is not allowed/],
    ['Final Answer: 11 + 1 + 5 squared', /"squared" is not allowed/],
    ['Final Answer: minus 11 + 1 + 5', /"minus" is not allowed/],
    ['Final Answer: 11 + 1 + 5_2', /"_" is not allowed/],
    ['Final Answer: 11 + 1 + 5\\%', /"\\%" is not allowed/],
    ['Final Answer: 11 + 1 + ５', /"５" is not allowed/],
    ['I tried 11 * 5.\n11 + 1 + 5 = 17\n(11 + 1 + 5)!', /"!" is not allowed/],
    ['11 + 1 + 5 is what I tried.\nFinal Answer: none works', /no number/],
  ])('rejects %j', (output, reason) => {
    const result = grade(output)
    expect(result).toMatchObject({ pass: false, score: 0 })
    expect(result.reason).toMatch(reason)
  })

  it('says what was extracted, where, and what it evaluates to', () => {
    const result = grade('Final Answer: 11 * 5')
    expect(result.reason).toBe('"11 * 5" (answer line): it evaluates to 55, but the target is 17; 1 is not used.')
    expect(result.metadata).toEqual({ extracted: '11 * 5', source: 'answer line', value: '55', vote: '55, not as asked' })
  })

  it.each<[string, string | null]>([
    // However it is written, and in steps or at once.
    ['Answer: 11 + 1 + 5', '17'],
    ['Answer: 5 + 1 = 6; 6 + 11 = 17', '17'],
    ['\\boxed{(11 + 1) + 5 = 17}', '17'],
    ['Answer: 11 + 5 - 1', '15'],
    ['Answer: 11 - 1 = 10; 10 + 5 = 15', '15'],
    ['Answer: 5 / 11 - 1', '-6/11'],
    // The same value, but another answer: who counts votes can tell without knowing what is right.
    ['Answer: 12 + 5', '17, not as asked'],
    ['Answer: 17', '17, not as asked'],
    ['Answer: 11 + 5 + 1 + 1 - 1', '17, not as asked'],
    ['Answer: 11 + 1 + 5 = 18', '17, not as asked'],
    ['Answer: 11 + 1 = 13; 13 + 5 = 18', '18, not as asked'],
    // What has no value has no vote.
    ['Answer: none', null],
    ['Answer: 11 / (5 - 5) + 1', null],
    ['Answer: 11 + 1 ^ 5', null],
    ['Answer:', null],
    ['I give up.', null],
  ])('votes in %j for %j', (output, vote) => {
    const { metadata, pass } = grade(output)
    expect(metadata.vote).toBe(vote)
    expect(pass).toBe(vote === '17')
  })

  it('reads numbers and target from the config first', () => {
    const config = { numbers: [2, 3], target: 6 }
    expect(countdownAnswer('Answer: 2 * 3', { vars: { numbers: '9 9', target: 1 }, config }).pass).toBe(true)
  })

  it.each<[unknown, unknown, RegExp]>([
    [undefined, 17, /numbers of the problem/],
    [[], 17, /1 to 64/],
    ['eleven', 17, /"eleven" is no number/],
    [[11, -1], 17, /"-1" is no number of 0 or more/],
    [[11, 1, 5], undefined, /target of the problem/],
    [[11, 1, 5], 'x', /target of the problem/],
    [[11, 1, 5], Number.NaN, /target of the problem/],
  ])('reports numbers %j and target %j as a configuration error', (numbers, target, reason) => {
    const run = () => countdownAnswer('Answer: 1', { vars: { numbers, target } as Record<string, string> })
    expect(run).toThrow(ConfigError)
    expect(run).toThrow(reason)
  })

  it('names the nearest config key', () => {
    expect(() => countdownAnswer('Answer: 1', { vars: { numbers: '1', target: 1 }, config: { targte: 1 } })).toThrow('"target"')
  })

  it('reads outputs that are no text', () => {
    expect(grade({ content: 'Answer: 11+1+5' }).pass).toBe(true)
    expect(grade([{ role: 'user' }, { content: 'Answer: 11+1+5' }]).pass).toBe(true)
    expect(grade(undefined).pass).toBe(false)
    expect(grade(17, [17], 17).pass).toBe(false)
    const cyclic: Record<string, unknown> = {}
    cyclic.self = cyclic
    expect(() => grade(cyclic)).toThrow(/circular/)
  })

  it('stays bounded on hostile outputs', () => {
    // Long and odd, and harmless elsewhere.
    const hostile = [
      `Answer: ${'('.repeat(100)}1`,
      `Answer: ${'1+'.repeat(1000)}1`,
      `Answer: ${'9'.repeat(4000)}`,
      `Answer: ${`${'9'.repeat(30)}*`.repeat(100)}1`,
      'answer'.repeat(100_000),
      'answer: '.repeat(100_000),
      `answer${' '.repeat(20_000)}: 1`,
      '\\boxed{'.repeat(1000),
      '\n1+1'.repeat(100_000),
      '-'.repeat(500),
      'Answer: Math.max(16)',
      'Answer: constructor + __proto__ 11',
      `Answer: ${'\\frac{1}{'.repeat(50)}`,
    ]
    for (const output of hostile) {
      const start = cpuTime()
      const result = grade(output)
      expect(result.pass).toBe(false)
      expect(cpuTime() - start).toBeLessThan(250)
    }
  })
})

/** A random expression over all of the numbers with an integer value, as text and as steps. */
interface Tree {
  value: number
  text: string
  steps: string[]
}

function build(numbers: readonly number[], choices: readonly number[]): Tree {
  let at = 0
  const next = (): number => choices[at++ % choices.length]
  const trees: Tree[] = numbers.map((value) => ({ value, text: String(value), steps: [] }))
  while (trees.length > 1) {
    const [left] = trees.splice(next() % trees.length, 1)
    const [right] = trees.splice(next() % trees.length, 1)
    const divisible = right.value !== 0 && left.value % right.value === 0
    const op = ['+', '-', '*', '/'][next() % (divisible ? 4 : 3)]
    const value =
      op === '+'
        ? left.value + right.value
        : op === '-'
          ? left.value - right.value
          : op === '*'
            ? left.value * right.value
            : left.value / right.value
    const step = `${left.value} ${op} ${right.value} = ${value}`
    trees.push({
      value: value + 0,
      text: `(${left.text} ${op} ${right.text})`,
      steps: [...left.steps, ...right.steps, step.replace('= -0', '= 0')],
    })
  }
  return trees[0]
}

const numbersArbitrary = fc.array(fc.integer({ min: 1, max: 25 }), { minLength: 2, maxLength: 6 })
const choicesArbitrary = fc.array(fc.nat(1000), { minLength: 15, maxLength: 15 })

describe('countdownAnswer, for random expressions', () => {
  it('accepts the expression and its steps, and rejects another target', () => {
    fc.assert(
      fc.property(numbersArbitrary, choicesArbitrary, (numbers, choices) => {
        const { value, text, steps } = build(numbers, choices)
        expect(grade(`Final Answer: ${text} = ${value}`, numbers, value).reason).toMatch(/with each number used once/)
        expect(grade(`Final Answer: ${steps.join('; ')}`, numbers, value).reason).toMatch(/with each number used once/)
        expect(grade(`Final Answer: ${steps.join('\n')}`.replace(': ', ':\n'), numbers, value).pass).toBe(true)
        expect(grade(`Final Answer: ${text}`, numbers, value + 1).pass).toBe(false)
        expect(grade(`Final Answer: ${text} = ${value + 1}`, numbers, value).pass).toBe(false)
      }),
      { numRuns: 300 },
    )
  })

  it('rejects any changed, omitted or doubled number', () => {
    fc.assert(
      fc.property(numbersArbitrary, choicesArbitrary, fc.nat(100), fc.integer({ min: 1, max: 9 }), (numbers, choices, pick, by) => {
        const index = pick % numbers.length
        const changed = numbers.map((number, i) => (i === index ? number + by : number))
        const omitted = numbers.filter((_, i) => i !== index)
        const doubled = [...numbers, numbers[index]]
        for (const used of [changed, omitted, doubled]) {
          const { value, text } = build(used, choices)
          expect(grade(`Final Answer: ${text} = ${value}`, numbers, value)).toMatchObject({ pass: false, score: 0 })
        }
      }),
      { numRuns: 300 },
    )
  })

  it('never throws and never passes on arbitrary text without the numbers', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        const result = grade(text, [101, 103], 204)
        if (!/10[13]/.test(text)) expect(result.pass).toBe(false)
      }),
      { numRuns: 500 },
    )
  })
})
