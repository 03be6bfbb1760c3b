import { readFileSync } from 'node:fs'
import nunjucks from 'nunjucks'
import { describe, expect, it } from 'vitest'
import { mathAnswer } from '../../src/assertions/math-answer.ts'
import { parallelStructure } from '../../src/assertions/parallel-structure.ts'

const template = readFileSync(new URL('../../suites/prompts/parallel-example.j2', import.meta.url), 'utf8')
/** As promptfoo renders. */
const environment = new nunjucks.Environment(null, { autoescape: false })
const messages = (problem: string): { role: string; content: string }[] => JSON.parse(environment.renderString(template, { problem }))

describe('the prompt with an example', () => {
  it('asks any problem as it is, in the last turn', () => {
    const problem = 'He said "2 < 3" & {{ x }}\n\\frac{1}{2} <Parallel>'
    expect(messages(problem).at(-1)).toEqual({ role: 'user', content: problem })
  })

  it('shows an answer as the assertions want it', () => {
    const [, , { role, content }] = messages('')
    expect(role).toBe('assistant')
    expect(parallelStructure(content).reason).toMatch(/^1 /)
    expect(parallelStructure(content).pass).toBe(true)
    expect(mathAnswer(content, { vars: { answer: '40' } }).pass).toBe(true)
  })
})
