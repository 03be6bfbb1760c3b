import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { finalClaim } from '../../../../src/assertions/answer/claims/claims.ts'
import { extractAnswer } from '../../../../src/assertions/answer/claims/extract.ts'

const expected = { kind: 'other', factorial: false } as const
const extract = (response: string, kind: 'other' | 'choice' = 'other') => extractAnswer(response, 'auto', { ...expected, kind })

/** The rows of the tables of docs/claims.md, without their marks. */
const rows = readFileSync(new URL('../../../../docs/claims.md', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('|---'))
  .map((line) =>
    line
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.replaceAll('`', '').trim()),
  )

describe('the page on claims', () => {
  const examples = rows.slice(rows.findIndex(([head]) => head === 'response') + 1)
  const statuses = rows.slice(rows.findIndex(([head]) => head === 'status') + 1).filter(([, , example]) => example?.startsWith('"'))

  it.each(examples)('of %j the answer is %s', (response, answer) => {
    const found = extract(response, /^[A-E]$/.test(answer) ? 'choice' : 'other')
    if (answer === 'none') expect(found).toHaveProperty('missing')
    else expect(found).toMatchObject({ text: expect.stringMatching(new RegExp(`^(?:it is )?${answer}$`)) })
  })

  it.each(statuses)('what is %s is so told by %s: %s', (status, _, example) => {
    const found = extract(example.slice(1, -1))
    expect(found).toMatchObject({ status: { 'taken back': 'corrected', 'inside an operation': 'operation' }[status] ?? status })
  })

  it('has both', () => {
    expect(examples.length).toBeGreaterThan(12)
    expect(statuses.length).toBe(7)
  })
})

describe('the final claim', () => {
  it.each([
    ['So 3 + 4 = 7.', 'last line', 'last sentence'],
    ['The answer is 7.', 'answer line', 'explicit'],
    ['The answer is that she has 7 left.', 'answer line', 'found'],
    ['\\boxed{7} is it. There are 9 cats.', '\\boxed{}', 'explicit'],
    ['```json\n{"answer": "7"}\n```', 'JSON', 'explicit'],
  ])('of %j stands in the %s', (response, where, weight) => {
    expect(finalClaim(response, 'auto', expected)).toMatchObject({ text: '7', where, weight, status: 'stated' })
  })
})
