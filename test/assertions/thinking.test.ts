import { describe, expect, it } from 'vitest'
import { countdownAnswer } from '../../src/assertions/countdown-answer.ts'
import type { AssertionContext } from '../../src/assertions/grading.ts'
import { mathAnswer } from '../../src/assertions/math-answer.ts'
import { parallelStructure } from '../../src/assertions/parallel-structure.ts'

type State = { thinking?: 'unclosed' | 'cut' }
const context = (metadata: State = {}): AssertionContext => ({
  vars: { answer: '24', numbers: '4 6 1', target: 24 },
  providerResponse: { metadata } as AssertionContext['providerResponse'],
})

const BLOCK = '<Parallel><Path>Final Answer: 24</Path><Path>Answer: 4 * 6 * 1</Path></Parallel>\n<Summary>s</Summary>'

describe('an answer', () => {
  it.each<[string, string, boolean, State?]>([
    ['behind the thinking', `<think>7</think>\nMATH`, true],
    ['behind thinking that the prompt began', `7</think>\nMATH`, true],
    ['only in the thinking', `<think>MATH</think>\nI cannot say.`, false],
    ['only in a block of the thinking', `<think>${BLOCK}</think>\nI cannot say.`, false],
    ['in thinking that is not closed', `<think>MATH`, false],
    ['in thinking that is longer than what is read of an end', `<think>${'x '.repeat(20_000)}MATH`, false],
    ['in thinking that the prompt began and nothing closed', `MATH`, false, { thinking: 'unclosed' }],
    ['behind thinking that the budget ended', `7</think>\nMATH`, true, { thinking: 'cut' }],
    ['without any thinking', `MATH`, true],
  ])('%s', (_, output, counts, metadata) => {
    expect(mathAnswer(output.replace('MATH', 'Final Answer: 24'), context(metadata)).pass).toBe(counts)
    expect(countdownAnswer(output.replace('MATH', 'Answer: 4 * 6 * 1'), context(metadata)).pass).toBe(counts)
  })

  it('does not touch the structure of blocks inside the thinking', () => {
    expect(parallelStructure(`<think>a\n${BLOCK}</think>\n24`, context()).pass).toBe(true)
  })
})
