import { describe, expect, it } from 'vitest'
import { matchesOf } from '../../../../src/assertions/answer/reading/matches.ts'
import { remembered } from '../../../../src/assertions/answer/reading/remembered.ts'

describe('remembered', () => {
  it('asks once for the last texts and again for those before them', () => {
    const asked: string[] = []
    const read = remembered((text) => {
      asked.push(text)
      return text === 'none' ? undefined : text.length
    }, 2)
    expect(['a', 'none', 'none', 'a'].map(read)).toEqual([1, undefined, undefined, 1])
    expect(asked).toEqual(['a', 'none'])
    expect(['three', 'none', 'a'].map(read)).toEqual([5, undefined, 1])
    expect(asked).toEqual(['a', 'none', 'three', 'a'])
  })

  it('keeps nothing where reading throws', () => {
    let fails = true
    const read = remembered((text) => {
      if (fails) throw new Error('not now')
      return text
    })
    expect(() => read('a')).toThrow('not now')
    fails = false
    expect(read('a')).toBe('a')
  })
})

describe('matchesOf', () => {
  it('finds what matchAll finds, wherever the expression was used before', () => {
    for (const pattern of [/(\d+)([a-z])?/g, /\b/g, /x*/g, /(?<=a)b/gi, /\p{L}+/gu]) {
      for (const text of ['12a 3 4b', '', 'aB xx ab', 'äö 5']) {
        const all = [...text.matchAll(pattern)]
        pattern.lastIndex = 2
        const found = matchesOf(text, pattern)
        expect(found.map(({ index, ...parts }) => [index, parts])).toEqual(all.map(({ index, ...parts }) => [index, parts]))
        expect(pattern.lastIndex).toBe(0)
      }
    }
  })
})
