import { expect, it } from 'vitest'
import { Recent } from '../../../../src/assertions/answer/reading/recent.ts'

it('what was not used for longest makes room, and nothing is made twice before', () => {
  const made: string[] = []
  const recent = new Recent<string | undefined>(2)
  const of = (text: string) =>
    recent.of(text, () => {
      made.push(text)
      return text
    })
  for (const text of ['a', 'b', 'a', 'c', 'a', 'b']) expect(of(text)).toBe(text)
  expect(made).toEqual(['a', 'b', 'c', 'b'])
})
