import type { ConfigObject } from '../config-keys.ts'
import { parseThinking, type TaggedSpan } from '../thinking/grammar.ts'
import { responseMetadata } from './blocks.ts'
import { type AssertionContext, type AssertionResult, boundedResult, runAssertion } from './grading.ts'
import { countWords } from './ngrams.ts'

const NAME = 'parallelEfficiency'
const KEYS = ['min', 'max'] as const

/**
 * How much shorter is the longest chain of tokens than the whole response? Score e = (total − critical) / total, from
 * the provider's `metadata.totalTokens` and `metadata.criticalPathTokens`; without them from the words of the text
 * (tags not counted). 0 without parallel paths. Metric: `efficiency`.
 *
 * Config: `min`, `max` bound the score; without them it always passes.
 */
export function parallelEfficiency(output: unknown, context?: AssertionContext): AssertionResult {
  return runAssertion(NAME, KEYS, output, context, grade)
}

function grade(text: string, config: ConfigObject, context: AssertionContext): AssertionResult {
  const { total, critical, unit } = tokensOf(context) ?? wordsOf(text)
  const score = total === 0 ? 0 : (total - critical) / total
  const reason = `Efficiency ${score.toFixed(3)}: critical path ${critical} of ${total} ${unit}`
  return boundedResult(score, config, NAME, reason, { total, critical, unit })
}

interface Lengths {
  total: number
  critical: number
  unit: 'tokens' | 'words'
}

function tokensOf(context: AssertionContext): Lengths | undefined {
  const { totalTokens: total, criticalPathTokens: critical } = responseMetadata(context)
  if (typeof total !== 'number' || typeof critical !== 'number') return undefined
  if (!Number.isFinite(total) || !(critical >= 0) || critical > total) return undefined
  return { total, critical, unit: 'tokens' }
}

function wordsOf(text: string): Lengths {
  let total = 0
  let critical = 0
  for (const part of parseThinking(text).tree.parts) {
    if (part.kind === 'text') {
      const words = countWords(text, part.start, part.end)
      total += words
      critical += words
      continue
    }
    const wordsIn = ({ contentStart, contentEnd }: TaggedSpan): number => countWords(text, contentStart, contentEnd)
    const paths = part.paths.map(wordsIn)
    const outside = (part.outlines ?? []).reduce((sum, outline) => sum + wordsIn(outline), part.summary ? wordsIn(part.summary) : 0)
    total += paths.reduce((sum, words) => sum + words, outside)
    critical += paths.reduce((longest, words) => Math.max(longest, words), 0) + outside
  }
  return { total, critical, unit: 'words' }
}
