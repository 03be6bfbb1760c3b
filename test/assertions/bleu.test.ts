import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pairwiseBleu, sentenceBleu, tokenize13a } from '../../src/assertions/bleu.ts'
import { SACREBLEU } from './sacrebleu.ts'

describe('sentence BLEU', () => {
  it.each(SACREBLEU)('of %j against %j is sacrebleu’s', (hypothesis, reference, score) => {
    expect(100 * sentenceBleu(hypothesis, reference)).toBeCloseTo(score, 9)
  })

  it('is 1 for a text against itself and within [0, 1] for any two', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.string({ maxLength: 60 }), (a, b) => {
        if (tokenize13a(a).length > 0) expect(sentenceBleu(a, a)).toBeCloseTo(1, 12)
        const score = sentenceBleu(a, b)
        expect(score).toBeGreaterThanOrEqual(0)
        expect(score).toBeLessThanOrEqual(1)
      }),
    )
  })

  it('does not depend on the order of the texts', () => {
    const texts = ['11 + 1 = 12', '5 * 1 = 5; 11 + 5', '11 + 5 = 16; 16 + 1']
    const forward = pairwiseBleu(texts)
    const backward = pairwiseBleu([...texts].reverse())
    expect(forward.pairs).toBe(6)
    expect(backward.sum).toBeCloseTo(forward.sum, 12)
  })
})
