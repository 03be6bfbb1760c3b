import { type ConfigObject, readEnum, readInt } from '../config-keys.ts'
import { ConfigError } from '../engine/errors.ts'
import { responseMetadata } from './blocks.ts'
import { type AssertionContext, type AssertionResult, boundedResult, runAssertion } from './grading.ts'

const NAME = 'lengthBudget'
const WHERE = `the config of ${NAME}`
const KEYS = ['maxTokens', 'cacheTokens', 'count', 'min', 'max'] as const

/**
 * Soft penalty for long responses (DAPO, arXiv 2503.14476, eq. 13). Score 0 up to maxTokens − cacheTokens tokens, from
 * there down in a straight line to −1 at maxTokens, and −1 beyond. Tokens are the provider's `metadata.totalTokens` or
 * `criticalPathTokens`, else its `tokenUsage.completion`. Metric: `length`; it is meant to be added to a reward.
 *
 * Config: `maxTokens` and `cacheTokens` (at most maxTokens) in tokens; `count` (`total`) or `critical`; `min`, `max`
 * bound the score, without them it always passes.
 */
export function lengthBudget(output: unknown, context?: AssertionContext): AssertionResult {
  return runAssertion(NAME, KEYS, output, context, (_, config, given) => grade(config, given))
}

function grade(config: ConfigObject, context: AssertionContext): AssertionResult {
  const maxTokens = readInt(config, 'maxTokens', undefined, WHERE, { min: 1 })
  const cacheTokens = readInt(config, 'cacheTokens', undefined, WHERE, { min: 1 })
  if (maxTokens === undefined || cacheTokens === undefined || cacheTokens > maxTokens) {
    throw new ConfigError(
      `${NAME} needs "maxTokens" and "cacheTokens" of at most that. Got ${maxTokens ?? 'none'} and ${cacheTokens ?? 'none'}. DAPO has maxTokens: 20480, cacheTokens: 4096.`,
    )
  }
  const count = readEnum(config, 'count', 'total', WHERE, ['total', 'critical'])
  const tokens = tokensOf(context, count)
  const free = maxTokens - cacheTokens
  const score = tokens <= free ? 0 : tokens > maxTokens ? -1 : (free - tokens) / cacheTokens
  const reason = `${tokens} ${count === 'critical' ? 'tokens on the critical path' : 'tokens'} of ${maxTokens}, ${free} without penalty: ${score.toFixed(3)}`
  return boundedResult(score, config, NAME, reason, { tokens, free, maxTokens })
}

function tokensOf(context: AssertionContext, count: 'total' | 'critical'): number {
  const { totalTokens, criticalPathTokens } = responseMetadata(context)
  const reported = count === 'critical' ? criticalPathTokens : (totalTokens ?? context.providerResponse?.tokenUsage?.completion)
  if (typeof reported === 'number' && Number.isFinite(reported) && reported >= 0) return reported
  const wanted = count === 'critical' ? 'metadata.criticalPathTokens' : 'metadata.totalTokens or tokenUsage.completion'
  throw new ConfigError(`${NAME} counts the tokens that the provider reports. Got no ${wanted}. Use a provider that reports it.`)
}
