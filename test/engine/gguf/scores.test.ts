import { describe, expect, it } from 'vitest'
import { scoresFromMerges } from '../../../src/engine/gguf/scores.ts'

const fail = (key: string, expected: string, found: unknown) => new Error(`${key}: expected ${expected}, found ${JSON.stringify(found)}`)
const scores = (merges: unknown, tokens: string[], types = tokens.map(() => 1)) => [...scoresFromMerges({ merges }, tokens, types, fail)]

describe('scoresFromMerges', () => {
  it('gives the token of an earlier merge the higher score, and one that no merge makes the lowest', () => {
    expect(scores([['a', 'b'], 'ab c'], ['a', 'b', 'c', 'ab', 'abc', '<s>'], [1, 1, 1, 1, 1, 3])).toEqual([-3, -3, -3, -1, -2, 0])
  })

  it('gives tokens whose merges stand among each other one score', () => {
    const odd = ['a a', 'aa a', 'a aa', 'aaa a', 'aaaa a', 'aaa aa', 'aa aa', 'aa aaa', 'a aaa', 'a aaaa']
    expect(() => scores(odd, ['a', 'aa', 'aaa', 'aaaa', 'aaaaa'])).toThrow('side by side')
    const tied = ['a a', 'aa a', 'a aa', 'aaaa a', 'aaa a', 'aaa aa', 'aa aa', 'aa aaa', 'a aaa', 'a aaaa']
    expect(scores(tied, ['a', 'aa', 'aaa', 'aaaa', 'aaaaa'])).toEqual([-4, -1, -2, -3, -3])
  })

  it('refuses a list without a merge that llama.cpp would make', () => {
    expect(() => scores(['a b'], ['a', 'b', 'c', 'ab', 'abc'])).toThrow('found "none for ab and c"')
  })
})
