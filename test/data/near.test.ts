import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NearIndex, trigrams } from '../../src/data/near.ts'
import { sharedPath } from '../shared.ts'

const masked = { masked: true }

function jaccard(a: string, b: string, options = masked): number {
  const [x, y] = [trigrams(a, options), trigrams(b, options)]
  const shared = [...x].filter((gram) => y.has(gram)).length
  return shared / (x.size + y.size - shared)
}

const similarity = (a: string, b: string, options = masked) => new NearIndex([a], options).nearest(b)?.similarity ?? 0

const WEN = 'Weng earns $12 an hour for babysitting. Yesterday, she just did 50 minutes of babysitting. How much did she earn?'

describe('trigrams', () => {
  it('are of words in lower case without punctuation; masked numbers are all the same word', () => {
    expect([...trigrams('Tom has 1,200.50 red pens.', masked)]).toEqual(['tom has #', 'has # red', '# red pens'])
    expect([...trigrams('Tom has 1,200.50 red pens.', { masked: false })]).toContain('has 120050 red')
    expect([...trigrams('Two words', masked)]).toEqual(['two words'])
    expect(trigrams(' ?! ', masked).size).toBe(0)
  })

  it('tell signs of arithmetic apart, and take scripts without spaces sign by sign', () => {
    expect(similarity('1 + 2', '1 - 2')).toBe(0)
    expect(trigrams('小明有三支笔', masked).size).toBe(4)
  })
})

describe('near problems', () => {
  // The threshold of `exclude.near` is 0.8: what it takes and what it leaves.
  it.each([
    ['other numbers', WEN.replace('12', '15').replace('50', '45'), 1],
    ['another name', WEN.replace('Weng', 'Anna'), 0.9],
    ['another word at the end', WEN.replace('earn?', 'get?'), 0.85],
  ])('%s: out', (_, other, least) => {
    expect(similarity(WEN, other)).toBeGreaterThanOrEqual(least)
    expect(least).toBeGreaterThanOrEqual(0.8)
  })

  it.each([
    ['a word fewer in the middle', WEN.replace('she just did', 'she did'), 0.8],
    ['the same topic', 'Betty earns $10 an hour for gardening. Last week she did 3 hours of gardening. How much did she earn in all?', 0.5],
    ['another question', 'A robe takes 2 bolts of blue fiber and half that much white fiber. How many bolts in total does it take?', 0.1],
  ])('%s: asked', (_, other, most) => {
    expect(similarity(WEN, other)).toBeLessThan(most)
  })

  it('unmasked, other numbers make another text', () => {
    expect(similarity('1 2 3 4', '1 2 3 5', { masked: false })).toBeCloseTo(1 / 3)
  })
})

const data = sharedPath('data/gsm8k_train.jsonl')

it.skipIf(!data)(
  'a problem of GSM8K train is seldom near one of its test',
  () => {
    const problems = (file: string): string[] =>
      readFileSync(file, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).problem)
    const index = new NearIndex(problems(data!.replace('train', 'test')), masked)
    const found = problems(data!).map((problem) => index.nearest(problem)?.similarity ?? 0)
    const near = (threshold: number) => found.filter((similarity) => similarity >= threshold).length
    expect([found.length, near(0.9), near(0.8), near(0.6), near(0.4)]).toEqual([7473, 0, 2, 3, 5])
  },
  120_000,
)

describe('the index', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c', '7', '12', 'x+1'), { maxLength: 12 }).map((words) => words.join(' '))

  it('finds what comparing with every text finds', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 8 }), text, fc.boolean(), (texts, asked, mask) => {
        const options = { masked: mask }
        const all = texts.map((one) => jaccard(one, asked, options)).map((one) => (Number.isNaN(one) ? 0 : one))
        const best = Math.max(...all)
        const found = new NearIndex(texts, options).nearest(asked)
        expect(found?.similarity ?? 0).toBeCloseTo(best, 12)
        if (found) expect(found.index).toBe(all.indexOf(best))
      }),
    )
  })
})
