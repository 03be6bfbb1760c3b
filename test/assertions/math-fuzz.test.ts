import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { mathAnswer } from '../../src/assertions/math-answer.ts'
import { ConfigError } from '../../src/engine/errors.ts'
import { sharedPath } from '../shared.ts'
import { cpuTime, fastest } from './cpu-time.ts'
import { mutate, randomFrom } from './mutate.ts'

const CASES = 20_000
const MAX_MS = 250
const CONFIGS = [
  {},
  { extract: 'whole' },
  { extract: 'final-answer' },
  { mode: 'both' },
  { tolerance: 0.01, lists: 'ordered', units: 'required' },
  { extract: { marker: 'is' }, choices: true },
]

const OWN: [answer: string, output: string][] = [
  ['\\frac{3}{4}', 'So the answer is \\boxed{\\frac{3}{4}}.'],
  ['(-\\infty, 2) \\cup [3, \\infty)', 'Final Answer: $x < 2$ or $x \\ge 3$'],
  ['\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}', '\\[\\begin{bmatrix} 1 & 2 \\\\ 3 & 4 \\end{bmatrix}\\]'],
  ['1, 2, 3', 'The roots are 1, 2 and 3.'],
  ['\\sqrt{2} + \\pi', '**Answer:** \\pi + 2^{1/2}'],
  ['12\\text{ cm}^2', '#### 12 square centimeters'],
  ['x^2 + 2x + 1', '<answer>(x+1)^2</answer>'],
  ['\\text{(B)}', 'It is not (A), so the answer is B.'],
]

function cases(): [answer: string, output: string][] {
  const file = sharedPath('grading/public.jsonl')
  if (!file) return OWN
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return lines.map((line) => {
    const { gold, pred, pred_parts: parts = [] } = JSON.parse(line) as { gold: string; pred?: string; pred_parts?: [string, number][] }
    return [gold.slice(0, 3000), (pred ?? parts.map(([text, times]) => text.repeat(Math.min(times, 2000))).join('')).slice(-3000)]
  })
}

describe('mutated outputs and references', () => {
  it('never break the grader, slow it down or leave a trace', () => {
    const all = cases()
    const random = randomFrom(11)
    const pick = () => all[Math.floor(random() * all.length)]
    const before = JSON.stringify(Object.getOwnPropertyNames(Object.prototype))
    const broken: string[] = []
    const slow: string[] = []
    for (let i = 0; i < CASES; i++) {
      const [answer, output] = pick()
      const [other, foreign] = pick()
      const text = mutate(output, foreign, random)
      const vars = { answer: random() < 0.3 ? mutate(answer, other, random, 4000) : answer }
      const run = () => mathAnswer(text, { vars, config: CONFIGS[i % CONFIGS.length] })
      const start = cpuTime()
      try {
        run()
      } catch (error) {
        if (!(error instanceof ConfigError)) broken.push(JSON.stringify({ text, vars, reason: String(error) }))
        continue
      }
      let ms = cpuTime() - start
      if (ms > MAX_MS / 2) ms = fastest(run, MAX_MS / 2)
      if (ms > MAX_MS) slow.push(JSON.stringify({ ms, text, vars }))
    }
    expect(broken).toEqual([])
    expect(slow).toEqual([])
    expect(JSON.stringify(Object.getOwnPropertyNames(Object.prototype))).toBe(before)
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })
})
