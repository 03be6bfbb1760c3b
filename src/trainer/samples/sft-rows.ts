/** How supervised training reads a row: its prompt, and a response to it as text, as ids and as a layout. */

import { ConfigError } from '../../engine/errors.ts'
import { applyTestOptions, parseThinkingConfig } from '../../providers/config.ts'
import { type ReadPrompt, readPrompt } from '../../providers/prompt.ts'
import { OUTLINE_TAGS } from '../../thinking/grammar.ts'
import { layoutTrajectory } from '../../thinking/layout.ts'
import { trajectoryFromIds } from '../../thinking/trajectory.ts'
import type { Layout } from '../../thinking/types.ts'
import { withoutLayout } from '../../thinking/writing.ts'
import type { Reader } from '../model/session.ts'
import type { Suite, SuiteRow } from '../suite/suite.ts'

/** A response that the model of this run cannot learn. */
export class ResponseError extends ConfigError {
  override name = 'ResponseError'
  /** The same in few words. */
  readonly reason: string

  constructor(message: string, reason: string) {
    super(message)
    this.reason = reason
  }
}

/** The prompt of a row, with the settings of the suite's provider where it is ours. `where` names the row. Throws ConfigError. */
export function readRow({ checkpoint }: Pick<Reader, 'checkpoint'>, { provider }: Suite, row: SuiteRow, where: string): ReadPrompt {
  const settings = provider.ours ? applyTestOptions(provider.config, row.promptConfig) : {}
  return readPrompt(checkpoint, parseThinkingConfig(settings, where), row.prompt)
}

/** What is learnt of a response: its text without layout around the tags, and its ids with the end token. Throws ResponseError. */
export function encodeResponse({ checkpoint }: Pick<Reader, 'checkpoint'>, written: string): { text: string; ids: number[] } {
  const { tokenizer, parallel, generation } = checkpoint
  const text = withoutLayout(written)
  if (text.includes(OUTLINE_TAGS.outline) && parallel.tags.outline === undefined) {
    throw new ResponseError(
      `The response has outlines, and the model has no tags for them. Got ${OUTLINE_TAGS.outline} in it. Set outlines: true in "model", or leave it out`,
      'outlines, which the model has no tags for',
    )
  }
  return { text, ids: [...tokenizer.encode(text), generation.eosTokenIds[0]] }
}

/** Prompt and response with the loss on the response. Throws ResponseError, and ParallelR1Error where the tags of the response have no layout. */
export function layOutResponse(
  { checkpoint, model }: Pick<Reader, 'checkpoint' | 'model'>,
  prompt: readonly number[],
  response: readonly number[],
): { layout: Layout; temperature: number } {
  const { tags, attention } = checkpoint.parallel
  const trajectory = trajectoryFromIds(prompt, response, tags)
  const layout = layoutTrajectory(trajectory, attention, { loss: 'response' })
  const last = layout.positions.reduce((a, b) => Math.max(a, b), 0)
  if (last < model.config.maxPositions) return { layout, temperature: trajectory.temperature }
  throw new ResponseError(
    `It takes ${last + 1} positions, the model has ${model.config.maxPositions}. Leave it out or raise maxPositions`,
    'longer than the model has positions',
  )
}
