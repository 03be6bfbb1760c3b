import { type ConfigObject, readInt } from '../config-keys.ts'
import { TAG_PATTERN } from '../thinking/grammar.ts'
import { type AssertionContext, type AssertionResult, boundedResult, runAssertion } from './grading.ts'
import { distinctNgrams, Numbering, words } from './ngrams.ts'

const NAME = 'repetition'
const KEYS = ['n', 'min', 'max'] as const

/** Characters of output that are looked at: of a longer one the end, where loops are. */
const MAX_CHARACTERS = 262_144

/**
 * How much of the response repeats itself? Score = share of its n-grams of words that have occurred before, 0 without
 * any: 1 − distinct / all. Tags do not count. Metric: `repetition`; subtract it from a reward. Of an output beyond 262,144 characters
 * the end counts, and the reason says so.
 *
 * Config: `n` (4) words of an n-gram; `min`, `max` bound the score, without them it always passes.
 */
export function repetition(output: unknown, context?: AssertionContext): AssertionResult {
  return runAssertion(NAME, KEYS, output, context, grade)
}

function grade(text: string, config: ConfigObject): AssertionResult {
  const n = readInt(config, 'n', 4, `the config of ${NAME}`, { min: 1, max: 20 })
  const vocabulary = new Numbering<string>()
  const tokens = Int32Array.from(words(text.slice(-MAX_CHARACTERS).replace(TAG_PATTERN, ' ')), (word) => vocabulary.of(word))
  const total = Math.max(0, tokens.length - n + 1)
  const repeated = total - distinctNgrams(tokens, n)
  const cut = text.length > MAX_CHARACTERS ? ` of the last ${MAX_CHARACTERS} characters` : ''
  const score = total === 0 ? 0 : repeated / total
  return boundedResult(score, config, NAME, `Repetition ${score.toFixed(3)}: ${repeated} of ${total} ${n}-grams${cut}`, {
    repeated,
    total,
    n,
  })
}
