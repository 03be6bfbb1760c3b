import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Problem } from '../../src/data/problem.ts'
import { computed, slip, type Worked } from '../../src/data/slips.ts'
import { workedTraces } from '../../src/data/worked.ts'
import { seededRandom } from '../../src/random.ts'
import { parseThinking } from '../../src/thinking/grammar.ts'
import { sharedPath } from '../shared.ts'

const question = 'Natalia sold clips to 48 of her friends in April, and half as many in May. How many in all?'
const clips: Worked = {
  texts: ['In May she sold 48/2 = ', '24 clips.\nIn all she sold 48+24 = ', '72 clips.'],
  calculations: [
    { expression: '48/2', result: 24 },
    { expression: '48+24', result: 72 },
  ],
}
const words = ({ texts }: Worked) => texts.join('')

/** Slips of fifty seeds. */
function slips(worked: Worked, problem: string) {
  return Array.from({ length: 50 }, (_, seed) => slip(worked, problem, seededRandom(seed))).filter((one) => one !== undefined)
}

describe('a slip', () => {
  it('goes wrong in one calculation and carries it to the end, in words as in equations', () => {
    const all = slips(clips, question)
    expect(all).toHaveLength(50)
    const texts = new Set(all.map(({ worked }) => words(worked)))
    expect(texts).toContain('In May she sold 48/2 = 26 clips.\nIn all she sold 48+26 = 74 clips.')
    expect(texts).toContain('In May she sold 48*2 = 96 clips.\nIn all she sold 48+96 = 144 clips.')
    for (const { worked, right } of all) {
      const wrong = worked.calculations.filter(({ expression, result }) => computed(expression) !== result)
      const others = worked.calculations.filter(({ expression }, index) => expression !== clips.calculations[index].expression)
      expect(wrong.length + others.length).toBeGreaterThan(0)
      expect(wrong.length).toBeLessThanOrEqual(1)
      expect(clips.calculations).toContain(right)
      const end = worked.calculations[1].result
      expect(end).not.toBe(72)
      expect(words(worked)).toContain(` = ${end} clips.`)
    }
  })

  it('keeps the numbers of the question, so none is made where the result that changes is one of them', () => {
    const given: Worked = { texts: ['5*2 = ', '10, as said.'], calculations: [{ expression: '5*2', result: 10 }] }
    expect(slips(given, 'Is 5*2 the 10 that she has?')).toEqual([])
    expect(slips(given, 'What is 5*2?').length).toBeGreaterThan(0)
  })

  it('is not made of a solution whose own calculations are wrong, or are no sums of plain numbers', () => {
    const of = (expression: string, result: number): Worked => ({ texts: ['', ''], calculations: [{ expression, result }] })
    expect(slips(of('2+2', 5), '')).toEqual([])
    expect(slips(of('1/2x', 3), '')).toEqual([])
    expect(slips(of('import', 3), '')).toEqual([])
    expect(slips(of('(1+2)*3', 9), '')).toEqual([])
  })

  it('keeps separators of thousands', () => {
    const trip: Worked = {
      texts: ['She drives 700*2 = ', '1,400 miles, which is 1,400 + 50 = ', '1,450 with the way home.'],
      calculations: [
        { expression: '700*2', result: 1400 },
        { expression: '1400+50', result: 1450 },
      ],
    }
    expect(slips(trip, 'She drives 700 miles twice and 50 home.').map(({ worked }) => words(worked))).toContain(
      'She drives 700*2 = 1,402 miles, which is 1,402 + 50 = 1,452 with the way home.',
    )
  })
})

describe.skipIf(!sharedPath('data/gsm8k_train.jsonl'))('slips of GSM8K train', () => {
  const problems = () =>
    readFileSync(sharedPath('data/gsm8k_train.jsonl')!, 'utf8')
      .split('\n', 1500)
      .map((line) => JSON.parse(line) as Problem)
  const given = /<Summary>In words ([\d.]+), in numbers ([\d.]+)\. (\S+) is ([\d.]+), so it is ([\d.]+)\.<\/Summary>/

  it('stand in about as many blocks as asked for, in either path, and the summary is true', () => {
    const traces = workedTraces(problems(), { form: 'parallel', maxSteps: 4, slips: 0.5 })
    const found = traces.flatMap(({ trace, answer }) => {
      const match = given.exec(trace!)
      return match ? [{ trace: trace!, answer: Number(answer.replaceAll(',', '')), match }] : []
    })
    expect(found.length / traces.length).toBeGreaterThan(0.35)
    expect(found.length / traces.length).toBeLessThan(0.5)
    const inWords = found.filter(({ match, answer }) => Number(match[1]) !== answer)
    expect(inWords.length / found.length).toBeGreaterThan(0.4)
    expect(inWords.length / found.length).toBeLessThan(0.6)
    for (const { trace, answer, match } of found) {
      const [first, second, result, said] = [match[1], match[2], match[4], match[5]].map(Number)
      expect([first, second].filter((end) => end === answer)).toHaveLength(1)
      expect(said).toBe(answer)
      expect(computed(match[3])).toBeCloseTo(result, 9)
      expect(parseThinking(trace).violations).toEqual([])
    }
  })

  it('are the same in every run and do not depend on the other problems', () => {
    const all = workedTraces(problems(), { form: 'parallel', slips: 0.5, seed: 3 })
    const few = workedTraces(problems().slice(700, 800), { form: 'parallel', slips: 0.5, seed: 3 })
    const byId = new Map(all.map(({ id, trace }) => [id, trace]))
    expect(few.map(({ trace }) => trace)).toEqual(few.map(({ id }) => byId.get(id)))
    expect(few.map(({ trace }) => trace)).not.toEqual(
      workedTraces(problems().slice(700, 800), { form: 'parallel', slips: 0.5, seed: 4 }).map(({ trace }) => trace),
    )
  })
})
