import type { ConfigObject } from '../config-keys.ts'
import { pairwiseBleu } from './bleu.ts'
import { readBlocks } from './blocks.ts'
import { type AssertionContext, type AssertionResult, boundedResult, runAssertion } from './grading.ts'

const NAME = 'pathDiversity'
const KEYS = ['min', 'max'] as const

/** Bounds of the work: characters of output, paths of one block. */
const MAX_CHARACTERS = 262_144
const MAX_PATHS = 16

/**
 * How different are sibling paths? Score = 1 − B, where B is the mean sentence-BLEU (sacrebleu's definition) over all
 * ordered pairs of paths of one block; B = 1, so the score 0, without two paths to compare. Metric: `diversity`.
 *
 * Config: `min`, `max` bound the score; without them it always passes.
 */
export function pathDiversity(output: unknown, context?: AssertionContext): AssertionResult {
  return runAssertion(NAME, KEYS, output, context, grade)
}

function grade(text: string, config: ConfigObject, context: AssertionContext): AssertionResult {
  let sum = 0
  let pairs = 0
  for (const { paths } of readBlocks(text.slice(0, MAX_CHARACTERS), context)) {
    const block = pairwiseBleu(paths.slice(0, MAX_PATHS))
    sum += block.sum
    pairs += block.pairs
  }
  const bleu = pairs === 0 ? 1 : sum / pairs
  const score = 1 - bleu
  const reason =
    pairs === 0
      ? 'No sibling paths to compare, so diversity is 0'
      : `Diversity ${score.toFixed(3)}: mean BLEU ${bleu.toFixed(3)} over ${pairs} ordered pairs of sibling paths`
  return boundedResult(score, config, NAME, reason, { bleu, pairs })
}
