import { describe, expect, it } from 'vitest'
import { minervaNormalize, paperAnswer } from '../../src/assertions/answer/paper.ts'
import { mathAnswer } from '../../src/assertions/math-answer.ts'
import { ConfigError } from '../../src/engine/errors.ts'

const grade = (output: string, answer: unknown, config?: Record<string, unknown>) =>
  mathAnswer(output, { vars: { answer } as Record<string, string>, config })

describe('extract', () => {
  it('takes what stands behind a custom marker', () => {
    const config = { extract: { marker: 'Result >' } }
    expect(grade('Result > 41\nResult > 42, so done.\nFinal Answer: 43', '42', config)).toMatchObject({
      pass: true,
      metadata: { extracted: '42', source: 'behind "Result >"' },
    })
    expect(grade('Result > $\\frac12$, as said', '0.5', config).pass).toBe(true)
    expect(grade('\\boxed{42}', '42', config).reason).toContain('there is no "Result >"')
    expect(grade('Result >', '42', config).reason).toContain('nothing stands behind')
  })

  it.each([{ marker: '' }, { marker: 3 }, { makrer: 'x' }, {}, [], 'box', 7])('refuses %j', (extract) => {
    expect(() => grade('42', '42', { extract })).toThrow(ConfigError)
  })
})

describe('tolerance', () => {
  it('is relative, or absolute, or both, for constants and parts', () => {
    expect(grade('3.33', '\\frac{10}{3}').pass).toBe(false)
    expect(grade('3.33', '\\frac{10}{3}', { tolerance: 0.01 })).toMatchObject({ pass: true, metadata: { rule: 'within the tolerance' } })
    expect(grade('3.2', '\\frac{10}{3}', { tolerance: 0.01 }).pass).toBe(false)
    expect(grade('1.41', '\\sqrt2', { tolerance: 0.01 }).pass).toBe(true)
    expect(grade('(1.41, 2)', '(\\sqrt2, 2)', { tolerance: '0.01' }).pass).toBe(true)
    expect(grade('9.99', '10', { tolerance: { absolute: 0.01 } }).pass).toBe(true)
    expect(grade('9.98', '10', { tolerance: { absolute: 0.01 } }).pass).toBe(false)
    expect(grade('x+1.001', 'x+1', { tolerance: 0.1, extract: 'whole' }).pass).toBe(false)
  })

  it.each([-1, 2, 'much', { relativ: 0.1 }, { absolute: -1 }])('refuses %j', (tolerance) => {
    expect(() => grade('42', '42', { tolerance })).toThrow(ConfigError)
  })
})

describe('units', () => {
  it('are optional, required or ignored', () => {
    expect(grade('12', '12\\text{ cm}').pass).toBe(true)
    expect(grade('12', '12\\text{ cm}', { units: 'required' }).pass).toBe(false)
    expect(grade('12 cm', '12', { units: 'required' }).pass).toBe(false)
    expect(grade('0.12 m', '12\\text{ cm}', { units: 'required' }).pass).toBe(true)
    expect(grade('3 apples', '3', { units: 'required' }).pass).toBe(true)
    expect(grade('12 cm', '12 m').pass).toBe(false)
    expect(grade('12 cm', '12 m', { units: 'ignore' }).pass).toBe(true)
    expect(() => grade('12', '12', { units: 'ignored' })).toThrow('ignore')
  })
})

describe('choices', () => {
  it('are letters, or what the letters stand for', () => {
    const choices = { A: '12', B: '\\frac{3}{2}', C: '7' }
    expect(grade('The answer is (B).', 'B', { choices }).pass).toBe(true)
    expect(grade('\\boxed{1.5}', 'B', { choices })).toMatchObject({ pass: true, metadata: { type: 'choice' } })
    expect(grade('\\boxed{b}', 'B', { choices }).pass).toBe(true)
    expect(grade('\\boxed{B}', '3/2', { choices }).pass).toBe(false)
    expect(grade('\\boxed{B}', '\\frac{3}{2}', { choices }).pass).toBe(true)
    expect(grade('\\boxed{12}', 'B', { choices }).pass).toBe(false)
    expect(grade('\\boxed{7}', 'C', { choices: ['12', '1.5', 7] }).pass).toBe(true)
  })

  it('can be switched', () => {
    expect(grade('\\boxed{(E)}', 'E').pass).toBe(true)
    expect(grade('\\boxed{E = 5}', 'E', { choices: false }).pass).toBe(false)
    expect(grade('\\boxed{(b)}', 'b', { choices: true }).metadata.type).toBe('choice')
    expect(grade('\\boxed{B. 5}', 'B', { choices: false }).pass).toBe(false)
  })

  it.each([{ AB: '1' }, {}, [], 'yes', { A: { x: 1 } }, 3])('refuse %j', (choices) => {
    expect(() => grade('A', 'A', { choices })).toThrow(ConfigError)
  })
})

describe('lists', () => {
  it('are compared in any order or in order', () => {
    expect(grade('\\boxed{1, 2, 3}', '3, 2, 1').pass).toBe(true)
    expect(grade('\\boxed{1, 2, 3}', '3, 2, 1', { lists: 'ordered' }).pass).toBe(false)
    expect(grade('\\boxed{1, 2, 3}', '1, 2, 3.0', { lists: 'ordered' }).pass).toBe(true)
    expect(grade('\\boxed{\\{1, 2\\}}', '\\{2, 1\\}', { lists: 'ordered' }).pass).toBe(true)
  })
})

describe('paper-strict', () => {
  // What grading.md measured on the reference's rule, and what parallel-thinking.md says of it.
  it.each<[string, string, boolean]>([
    ['Final Answer: 42', '42', true],
    ['Final Answer : $42$', '42', true],
    ['final answer: \\boxed{42}', '42', true],
    ['Final Answer: 1,234', '1234', true],
    ['Final Answer: x = 42', '42', true],
    ['Final Answer: 42 dollars', '42', true],
    ['Final Answer: 41\nFinal Answer: 42', '42', true],
    ['Final Answer: \\frac12', '\\frac{1}{2}', true],
    ['Final Answer: 42.', '42', false],
    ['**Final Answer:** 42', '42', false],
    ['Final Answer: **42**', '42', false],
    ['Final Answer: \\(42\\)', '42', false],
    ['Final Answer: 042', '42', false],
    ['Final Answer: 42.0', '42', false],
    ['Final Answer: 3.0', '3', false],
    ['Final Answer: 0.5', '1/2', false],
    ['Final Answer: 42 apples', '42', false],
    ['\\boxed{42}', '42', false],
    [`Final Answer: 42${'.'.repeat(300)}`, '42', false],
    [`Final Answer: 42\n${'x'.repeat(270)}`, '42', true],
  ])('of %j against %s is %s', (output, answer, pass) => {
    expect(grade(output, answer, { mode: 'paper-strict' })).toMatchObject({ pass, score: pass ? 1 : 0 })
  })

  it('normalises as Minerva does', () => {
    expect(minervaNormalize('x=\\$5\\text{ dollars}')).toBe('5')
    expect(minervaNormalize('90^\\circ')).toBe('90')
    expect(minervaNormalize('\\text{Even}')).toBe('Even')
    expect(minervaNormalize('\\sqrt2')).toBe('\\sqrt{2}')
    expect(minervaNormalize('10{,}000')).toBe('10000')
    expect(minervaNormalize('1,2')).toBe('12')
    expect(minervaNormalize('a cat')).toBe('cat')
    expect(paperAnswer('nothing here')).toBeUndefined()
  })

  it('is reported beside the robust rule', () => {
    const result = grade('Final Answer: 42.', '42', { mode: 'both' })
    expect(result).toMatchObject({ pass: true, score: 1, namedScores: { 'answer-robust': 1, 'answer-paper-strict': 0 } })
    expect(result.reason).toContain("By the paper's rule: wrong.")
    expect(() => grade('42', '42', { mode: 'strict' })).toThrow('paper-strict')
  })

  it('accepts any of several references', () => {
    expect(grade('Final Answer: 0.5', ['1/2', '0.5'], { mode: 'paper-strict' }).pass).toBe(true)
  })
})

describe('the rule that decides', () => {
  it.each<[string, string, string]>([
    ['42', '42', 'same writing'],
    ['84/2', '42', 'same exact value'],
    ['\\sqrt{8}', '2\\sqrt2', 'same value at high precision'],
    ['1.41421356237', '\\sqrt2', 'same to the digits written'],
    ['(x+1)^2', 'x^2+2x+1', 'same values at sample points'],
    ['28', '28\\%', 'percent sign left out'],
    ['0.28', '28\\%', 'percent as a hundredth'],
    ['2, 1', '1, 2', 'same items in any order'],
    ['x < 3', '(-\\infty, 3)', 'same set of real numbers'],
    ['2x+4y=6', 'x+2y=3', 'sides are multiples'],
    ['100 cm', '1 m', 'same quantity in another unit'],
    ['Even', '\\text{even}', 'same words'],
    ['204', '204_5', 'base left out'],
    ['0,25', '0.25', 'decimal comma'],
  ])('of %s and %s is: %s', (output, answer, rule) => {
    expect(grade(output, answer, { extract: 'whole' })).toMatchObject({ pass: true, metadata: { rule } })
  })
})
