import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { judgeAnswer } from '../../src/assertions/answer/judge.ts'
import { DEFAULT_POLICY } from '../../src/assertions/answer/limits.ts'
import { countdownAnswer } from '../../src/assertions/countdown-answer.ts'
import { readGrids } from '../../src/report/grid.ts'
import type { Row } from '../../src/report/rows.ts'
import { readExperiment } from '../../src/report/samples.ts'
import { countVotes, equalAnswers } from '../../src/report/votes.ts'
import { results, row } from './synthetic.ts'

describe('equal answers', () => {
  it('are those of mathAnswer, for integers too', () => {
    const integer = fc.tuple(fc.constantFrom('', '-'), fc.constantFrom('', '0', '00'), fc.nat({ max: 12 })).map((parts) => parts.join(''))
    fc.assert(
      fc.property(integer, integer, (a, b) => {
        expect(equalAnswers(a, b)).toBe(judgeAnswer(a, [b], { extract: 'whole', policy: DEFAULT_POLICY, choices: 'auto' }).pass)
      }),
      { numRuns: 300 },
    )
  })

  it('need not be written alike', () => {
    expect(equalAnswers('\\frac{3}{4}', '0.75')).toBe(true)
    expect(equalAnswers('x+1', '1+x')).toBe(true)
    expect(equalAnswers('\\frac{3}{4}', '0.7')).toBe(false)
  })
})

/** Rows of one Countdown problem as promptfoo saves them, graded by the assertion itself. */
function countdownRows(answers: readonly string[]): Row[] {
  const vars = { numbers: '11 1 5', target: 17 }
  return answers.map((answer) => {
    const grade = countdownAnswer(`Final Answer: ${answer}`, { vars: vars as unknown as Record<string, string> })
    const assertion = { type: 'javascript', metric: 'answer', value: 'package:parallel-r1:countdownAnswer' }
    return row({
      problem: 0,
      right: grade.pass,
      extra: { vars, gradingResult: { componentResults: [{ ...grade, assertion }] } },
    })
  })
}

const ballotOf = (answers: readonly string[]) => countVotes(readExperiment([results(countdownRows(answers))]).samples)

async function majority(answers: readonly string[], k: number): Promise<number> {
  const [[cell]] = await readGrids(readExperiment([results(countdownRows(answers))]))
  return cell!.majority!(k)
}

describe('votes of Countdown', () => {
  it('go by what is reached: right expressions together, equal wrong values together, misuse apart, nothing for none', () => {
    expect(ballotOf(['11 + 1 + 5', '5 + 11 + 1', '11 + 5 - 1', '5 - 1 + 11', '12 + 5', '16 + 1', '11 + 5', 'none', 'none'])).toEqual({
      groups: [
        { answer: '17', text: '17', mathematical: false, size: 2, right: 2 },
        { answer: '15', text: '15', mathematical: false, size: 2, right: 0 },
        { answer: '17, not as asked', text: '17,notasasked', mathematical: false, size: 2, right: 0 },
        { answer: '16, not as asked', text: '16,notasasked', mathematical: false, size: 1, right: 0 },
      ],
      abstaining: 2,
    })
  })

  it('make the majority right where right answers are most, however they are written', async () => {
    expect(await majority(['11 + 1 + 5', '5 + 11 + 1', '1 + 5 + 11', '11 + 5 - 1'], 4)).toBe(1)
    // Written votes would tie four ways.
    expect(await majority(['11 + 1 + 5', '5 + 11 + 1', '11 + 5 - 1', '11 - 5 + 1'], 4)).toBe(1)
    expect(await majority(['11 + 1 + 5', '11 + 5 - 1', '5 - 1 + 11', 'none'], 4)).toBe(0)
    // Most say that they found nothing: the one who found something decides.
    expect(await majority(['11 + 1 + 5', 'none', 'none', 'none'], 4)).toBe(1)
    expect(await majority(['none', 'none'], 2)).toBe(0)
  })
})
