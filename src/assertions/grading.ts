/** What every assertion of this package shares: reading output and config. */

import type { AssertionValueFunctionContext, GradingResult } from 'promptfoo'
import { type ConfigObject, checkKeys, readNumber, readObject } from '../config-keys.ts'
import { ConfigError } from '../engine/errors.ts'
import { outputText } from './output.ts'

/** The part of promptfoo's assertion context that is read here; a full context fits. */
export type AssertionContext = Partial<Pick<AssertionValueFunctionContext, 'vars' | 'config' | 'metadata' | 'providerResponse'>>

export interface AssertionResult extends GradingResult {
  metadata: Record<string, unknown>
}

/** A grader proper: text and config with known keys in, result out. */
export type Grader = (text: string, config: ConfigObject, context: AssertionContext) => AssertionResult

/**
 * Runs a grader. A wrong config and a reference that can't be read throw ConfigError, a fault throws as it is: from a `file://` or `package:`
 * assertion promptfoo makes of it the row's error. A returned score of 0 would be a wrong answer.
 */
export function runAssertion(
  name: string,
  keys: readonly string[],
  output: unknown,
  context: AssertionContext | undefined,
  grade: Grader,
): AssertionResult {
  const config = readObject(context?.config ?? {}, `the config of ${name}`)
  checkKeys(config, keys, `the config of ${name}`)
  return grade(outputText(output), config, context ?? {})
}

/**
 * The text in which an answer may stand. Thinking that a prompt began and no response ended shows no tag in the output: the provider says
 * so in its metadata, and the tag is put before it.
 */
export function answerable(text: string, { providerResponse }: AssertionContext): string {
  return providerResponse?.metadata?.thinking === 'unclosed' && !text.includes('<think>') ? `<think>${text}` : text
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

const UNTIDY = /[^\S ]| {2}|^ | $/

/** One line of at most `limit` characters, for reasons. */
export function excerpt(text: string, limit = 120): string {
  if (text.length <= limit && !UNTIDY.test(text)) return text
  const line = text
    .slice(0, limit * 4)
    .replace(/\s+/g, ' ')
    .trim()
  return line.length > limit || text.length > limit * 4 ? `${line.slice(0, limit)}…` : line
}
