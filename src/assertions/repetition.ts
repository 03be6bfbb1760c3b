import { type ConfigObject, readInt } from '../config-keys.ts'
import { type AssertionContext, type AssertionResult, boundedResult, runAssertion } from './grading.ts'

const NAME = 'repetition'
const KEYS = ['n', 'min', 'max'] as const

/** Characters of output that are looked at: of a longer one the end, where loops are. */
const MAX_CHARACTERS = 262_144

/**
 * How much of the response repeats itself? Score = share of its n-grams of words that have occurred before, 0 without
 * any: 1 − distinct / all. Tags do not count. Metric: `repetition`; subtract it from a reward.
 *
 * Config: `n` (4) words of an n-gram; `min`, `max` bound the score, without them it always passes.
 */
export function repetition(output: unknown, context?: AssertionContext): AssertionResult {
  return runAssertion(NAME, KEYS, output, context, grade)
}

function grade(text: string, config: ConfigObject): AssertionResult {
  const n = readInt(config, 'n', 4, `the config of ${NAME}`, { min: 1, max: 20 })
  const words = text
    .slice(-MAX_CHARACTERS)
    .replace(/<\/?(?:Parallel|Path|Summary)>/g, ' ')
    .split(/\s+/)
    .filter((word) => word !== '')
  const total = Math.max(0, words.length - n + 1)
  const seen = new Set<string>()
  for (let i = 0; i < total; i++) seen.add(words.slice(i, i + n).join(' '))
  const repeated = total - seen.size
  const score = total === 0 ? 0 : repeated / total
  return boundedResult(score, config, NAME, `Repetition ${score.toFixed(3)}: ${repeated} of ${total} ${n}-grams`, { repeated, total, n })
}
