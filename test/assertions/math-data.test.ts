import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mathAnswer } from '../../src/assertions/math-answer.ts'
import { sharedPath } from '../shared.ts'
import { randomFrom } from './mutate.ts'

const SETS = ['math_test', 'math_train', 'gsm8k_test', 'gsm8k_train', 'amc23', 'aime24', 'aime25', 'dapo17k_train'] as const
/** Where solutions of others stand, which nobody wrote for a grader, and how many of all 21,631 are not understood. */
const SOLUTIONS = [
  ['math_test', 'solution'],
  ['math_train', 'solution'],
  ['gsm8k_test', 'solution'],
  ['gsm8k_train', 'solution'],
  ['parallel_gsm8k_sample', 'trace'],
] as const
const UNSOLVED = 3
const folder = sharedPath('data')
const answers = (set: string): string[] =>
  readFileSync(`${folder}/${set}.jsonl`, 'utf8')
    .trim()
    .split('\n')
    .map((line) => String((JSON.parse(line) as { answer: unknown }).answer))

const WRAPPINGS: ((text: string) => string)[] = [
  (text) => text,
  (text) => `We get $\\boxed{${text}}$.`,
  (text) => `Adding up.\n\nFinal Answer: ${text}`,
  (text) => `**Final Answer:** $${text}$`,
  (text) => `<think>\\boxed{0.123}</think>The answer is $${text}$.`,
  (text) => `So we have\n\\[\n${text}\n\\]`,
  (text) => `<answer>${text}</answer>`,
  (text) => `Thus the result is \\(${text}\\).`,
]

const whole = (output: string, answer: string): boolean => mathAnswer(output, { vars: { answer }, config: { extract: 'whole' } }).pass

/** Small changes that make another answer of it. */
function perturbed(answer: string): string[] {
  const out: string[] = []
  // What follows ≈ is a remark; a base of 1 digit may be any.
  if (/\\approx|^1_/.test(answer) || answer === '0') return out
  for (const match of [...answer.matchAll(/\d/g)].slice(0, 4)) {
    const digit = (Number(match[0]) + 1) % 10
    out.push(answer.slice(0, match.index) + digit + answer.slice(match.index + 1))
  }
  if (answer.startsWith('-')) out.push(answer.slice(1))
  else if (/^(?:\d|\\d?frac|\\sqrt)/.test(answer) && !answer.includes(',')) out.push(`-${answer}`)
  const plus = answer.search(/[^{(,=^]\+/)
  if (plus >= 0) out.push(`${answer.slice(0, plus + 1)}-${answer.slice(plus + 2)}`)
  const fraction = /\\d?frac\{(\d+)\}\{(\d+)\}/.exec(answer)
  if (fraction) {
    out.push(answer.replace(fraction[0], `\\frac{${BigInt(fraction[1]) + 1n}}{${fraction[2]}}`))
    if (fraction[1] !== fraction[2]) out.push(answer.replace(fraction[0], `\\frac{${fraction[2]}}{${fraction[1]}}`))
  }
  if (/^(?:\\left)?[[(][^[\]()]*,[^[\]()]*[\])]$/.test(answer) && !answer.includes('text')) {
    const other: Record<string, string> = { '(': '[', '[': '(', ')': ']', ']': ')' }
    out.push(answer.replace(/[[(]/, (bracket) => other[bracket]))
    out.push(answer.replace(/[\])]$/, (bracket) => other[bracket]))
  }
  if (answer.includes('\\sqrt')) out.push(answer.replace('\\sqrt', ''))
  if (answer.includes('\\infty')) out.push(answer.replace('\\infty', '1000'))
  if (answer.includes('<')) out.push(answer.replace('<', '>'))
  return out.filter((text) => text !== answer)
}

describe.skipIf(!folder)('the answers of the problem sets', () => {
  const random = randomFrom(20_240)
  const math = folder ? [...answers('math_test'), ...answers('math_train')] : []
  const sampled = folder ? SETS.flatMap((set) => answers(set).filter(() => random() < (set.startsWith('math') ? 0.25 : 0.05))) : []

  it('equal themselves in every wrapping', () => {
    const missed: string[] = []
    for (const answer of sampled) {
      for (const wrap of WRAPPINGS) {
        const { pass, reason } = mathAnswer(wrap(answer), { vars: { answer } })
        if (!pass) missed.push(`${wrap(answer)}: ${reason}`)
      }
    }
    expect(sampled.length).toBeGreaterThan(3000)
    expect(missed).toEqual([])
  })

  it('of the newer sets equal themselves as they are and in a box', () => {
    const missed: string[] = []
    let tried = 0
    for (const set of ['aime26', 'hmmt25_feb', 'hmmt25_nov', 'minerva', 'olympiadbench']) {
      for (const answer of answers(set)) {
        tried++
        // Many of OlympiadBench have dollar signs of their own.
        if (!whole(answer, answer) || !mathAnswer(`We get $\\boxed{${answer}}$.`, { vars: { answer } }).pass) missed.push(answer)
      }
    }
    expect(tried).toBe(1036)
    expect(missed).toEqual([])
  })

  it('are not equal when perturbed, either way round', () => {
    const equal: string[] = []
    let tried = 0
    for (const answer of math) {
      if (random() > 0.25) continue
      for (const other of perturbed(answer)) {
        tried++
        if (whole(other, answer) || whole(answer, other)) equal.push(`${answer} | ${other}`)
      }
    }
    expect(tried).toBeGreaterThan(5000)
    expect(equal).toEqual([])
  })

  it('are found in the solutions and traces that come with them', () => {
    const wrong = SOLUTIONS.flatMap(([set, key]) =>
      readFileSync(`${folder}/${set}.jsonl`, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, string>)
        .filter((row) => !mathAnswer(row[key], { vars: { answer: String(row.answer) } }).pass)
        .map((row) => `${set} ${row.id}`),
    )
    expect(wrong.length, wrong.join(' ')).toBeLessThanOrEqual(UNSOLVED)
  })

  it('are compared symmetrically', () => {
    const different = [...new Set(math)]
    const one = fc.constantFrom(...different)
    fc.assert(
      fc.property(one, one, (a, b) => whole(a, b) === whole(b, a)),
      { numRuns: 4000, seed: 7 },
    )
  })
})
