import { describe, expect, it } from 'vitest'
import { askedRows, varsKey } from '../../../src/trainer/generate/rows.ts'
import { type Candidate, DUPLICATE, ENOUGH, keptAnswers, selectAnswers } from '../../../src/trainer/generate/select.ts'
import type { SuiteRow } from '../../../src/trainer/suite/suite.ts'

const row = (vars: Record<string, unknown>, prompt = String(vars.problem)): SuiteRow => ({ prompt, promptConfig: {}, vars, test: {} })
const candidate = (text: string, attempt = 0, reasons: string[] = []): Candidate => ({ text, metrics: {}, reasons, try: attempt, seed: 1 })

function reasonsOf(problems: Record<string, Candidate[]>, options = { keep: 2, duplicates: 0.9 }): string[][][] {
  const selected = selectAnswers(
    Object.entries(problems).map(([problem, candidates]) => ({ row: askedRows([row({ problem, id: problem })])[0], candidates })),
    options,
  )
  return selected.map(({ candidates }) => candidates.map(({ reasons }) => reasons))
}

describe('what is kept', () => {
  it('is the first few of a problem that hold the conditions', () => {
    const answers = [
      candidate('wrong', 0, ['answer == 1']),
      candidate('one way to it', 1),
      candidate('quite another way', 2),
      candidate('a third way there', 3),
    ]
    expect(reasonsOf({ p: answers })).toEqual([[['answer == 1'], [], [], [ENOUGH]]])
  })

  it('are no near-duplicates, in one row or in rows that ask the same in other case and spaces', () => {
    const text = 'First add twelve and three which makes fifteen then stop and say it. Final Answer: 15'
    const near = text.replace('First add', 'first, add').replace('15', '15.')
    expect(reasonsOf({ p: [candidate(text), candidate(near, 1)] })).toEqual([[[], [DUPLICATE]]])
    expect(reasonsOf({ 'What is it?': [candidate(text)], ' what  is\nit?': [candidate(text)] })).toEqual([[[]], [[DUPLICATE]]])
    expect(reasonsOf({ 'What is it?': [candidate(text)], 'Another one?': [candidate(text)] })).toEqual([[[]], [[]]])
    // Other numbers are another attempt.
    expect(reasonsOf({ p: [candidate('1 + 2 = 3, 3 + 4 = 7'), candidate('4 + 2 = 6, 6 + 1 = 7', 1)] })).toEqual([[[], []]])
  })

  it.each([
    ['a sign', 'What is 12 + 3?', 'What is 12 - 3?'],
    ['the place of a space', 'Make 20 of 1, 11, 5', 'Make 20 of 11, 1, 5'],
    ['a mark', 'Is 3! odd?', 'Is 3 odd?'],
  ])('counts for each of two problems that differ in %s', (_, one, other) => {
    const answers = [candidate('one way to it'), candidate('quite another way', 1)]
    expect(reasonsOf({ [one]: answers, [other]: answers }, { keep: 1, duplicates: 0.9 })).toEqual([
      [[], [ENOUGH]],
      [[], [ENOUGH]],
    ])
  })

  it('takes a text without words once', () => {
    expect(reasonsOf({ p: [candidate('…'), candidate('…', 1)] })).toEqual([[[], [DUPLICATE]]])
  })

  it('is listed in the order of the rows', () => {
    const [a, b] = ['a', 'b'].map((problem) => askedRows([row({ problem })])[0])
    const selected = [a, b].map((one) => ({ row: one, candidates: [candidate('x', 0, ['empty']), candidate('y', 1)] }))
    expect(
      keptAnswers(selected).map(
        ({
          row: {
            row: { prompt },
          },
          try: attempt,
        }) => [prompt, attempt],
      ),
    ).toEqual([
      ['a', 1],
      ['b', 1],
    ])
  })
})

describe('rows', () => {
  it('that are the same are asked once', () => {
    expect(askedRows([row({ problem: 'a' }), row({ problem: 'a' }), row({ problem: 'a', n: 1 })])).toHaveLength(2)
  })

  it('are found again by their own vars, however those are written', () => {
    const key = varsKey({ problem: ['{{ a }}'], n: 1, _copyIndex: 2 })
    expect(varsKey({ n: 1, problem: '{{ a }}', response: 'r' })).toBe(key)
    expect(varsKey({ n: 2, problem: '{{ a }}' })).not.toBe(key)
  })
})
