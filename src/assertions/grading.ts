/** What every assertion of this package shares: reading output and config, and never throwing. */

import type { AssertionValueFunctionContext, GradingResult } from 'promptfoo'
import { type ConfigObject, checkKeys, readNumber, readObject } from '../config-keys.ts'
import { ConfigError } from '../engine/errors.ts'
import { outputText } from './output.ts'

/** The part of promptfoo's assertion context that is read here; a full context fits. */
export type AssertionContext = Partial<Pick<AssertionValueFunctionContext, 'vars' | 'config' | 'metadata' | 'providerResponse'>>

/** `metadata.configError` tells a wrong set-up (stop the run) from a wrong answer (score 0). */
export interface AssertionResult extends GradingResult {
  metadata: { configError?: true; internalError?: true; [key: string]: unknown }
}

/** A grader proper: text and checked config in, result out. It may throw; {@link runAssertion} does not. */
export type Grader = (text: string, config: ConfigObject, context: AssertionContext) => AssertionResult

/**
 * Runs a grader so that nothing is thrown: in promptfoo a throwing `file://` assertion turns the whole row into an
 * error. A ConfigError becomes a failing result that begins with "configuration error:" and has
 * `metadata.configError`; anything else one that begins with "internal error".
 */
export function runAssertion(
  name: string,
  keys: readonly string[],
  output: unknown,
  context: AssertionContext | undefined,
  grade: Grader,
): AssertionResult {
  try {
    const config = readObject(context?.config ?? {}, `the config of ${name}`)
    checkKeys(config, keys, `the config of ${name}`)
    return grade(outputText(output), config, context ?? {})
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    if (error instanceof ConfigError) {
      return { pass: false, score: 0, reason: `configuration error: ${message}`, metadata: { configError: true } }
    }
    return { pass: false, score: 0, reason: `internal error in ${name}: ${message}`, metadata: { internalError: true } }
  }
}

/** A score with the bounds `min` and `max` of the config deciding whether it passes. */
export function boundedResult(
  score: number,
  config: ConfigObject,
  name: string,
  reason: string,
  metadata: Record<string, unknown>,
): AssertionResult {
  const where = `the config of ${name}`
  const min = readNumber(config, 'min', undefined, where)
  const max = readNumber(config, 'max', undefined, where)
  if (min !== undefined && max !== undefined && min > max) {
    throw new ConfigError(`"min" must not exceed "max" in ${where}. Got min ${min}, max ${max}. Swap them.`)
  }
  if (min !== undefined && score < min) return { pass: false, score, reason: `${reason}; below min ${min}`, metadata }
  if (max !== undefined && score > max) return { pass: false, score, reason: `${reason}; above max ${max}`, metadata }
  return { pass: true, score, reason, metadata }
}

/** One line of at most `limit` characters, for reasons. */
export function excerpt(text: string, limit = 120): string {
  const line = text
    .slice(0, limit * 4)
    .replace(/\s+/g, ' ')
    .trim()
  return line.length > limit || text.length > limit * 4 ? `${line.slice(0, limit)}…` : line
}
