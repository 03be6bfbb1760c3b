import type { ConfigObject } from '../config-keys.ts'
import { pairwiseBleu } from './bleu.ts'
import { readBlocks } from './blocks.ts'
import { type AssertionContext, type AssertionResult, boundedResult, runAssertion } from './grading.ts'

const NAME = 'pathDiversity'
const KEYS = ['min', 'max'] as const

/** Bounds of the work: characters of all paths, what a path costs besides its own, paths of one block. */
const MAX_CHARACTERS = 131_072
const EACH = 256
const MAX_PATHS = 16
const CUT = `, of which the first ${MAX_PATHS} of a block and the first ${MAX_CHARACTERS} characters were compared`

/**
 * How different are sibling paths? Score = 1 − B, where B is the mean sentence-BLEU (sacrebleu's definition) over all
 * ordered pairs of paths of one block; B = 1, so the score 0, without two paths to compare. Metric: `diversity`. Of a block the first
 * 16 paths count, and of all blocks the first 131,072 characters, a path with 256 more than it has. Paths that go beyond are cut to one
 * length. The reason says so.
 *
 * Config: `min`, `max` bound the score; without them it always passes.
 */
export function pathDiversity(output: unknown, context?: AssertionContext): AssertionResult {
  return runAssertion(NAME, KEYS, output, context, grade)
}

function grade(text: string, config: ConfigObject, context: AssertionContext): AssertionResult {
  let sum = 0
  let pairs = 0
  let left = MAX_CHARACTERS
  let whole = true
  for (const { paths } of readBlocks(text, context)) {
    const compared = paths.slice(0, MAX_PATHS)
    const most = Math.floor(left / compared.length) - EACH
    if (most <= 0) {
      whole = false
      break
    }
    const length = compared.reduce((sum, path) => sum + path.length + EACH, 0)
    whole &&= length <= left && compared.length === paths.length
    const block = pairwiseBleu(length > left ? compared.map((path) => path.slice(0, most)) : compared)
    left = Math.max(0, left - length)
    sum += block.sum
    pairs += block.pairs
  }
  const bleu = pairs === 0 ? 1 : sum / pairs
  const score = 1 - bleu
  const reason =
    pairs === 0
      ? 'No sibling paths to compare, so diversity is 0'
      : `Diversity ${score.toFixed(3)}: mean BLEU ${bleu.toFixed(3)} over ${pairs} ordered pairs of sibling paths${whole ? '' : CUT}`
  return boundedResult(score, config, NAME, reason, { bleu, pairs })
}
