/** Requests and thoughts as they cross processes: functions of the tokenizer stay, and are made anew where the model is. */

import { spellingOf, type TextTokenizer, tagTextOf } from '../thinking/text-tags.ts'
import type { ThinkRequest, Thought } from '../thinking/types.ts'
import type { WireRequest, WireThought } from './protocol.ts'

interface Reader extends TextTokenizer {
  decode(ids: readonly number[], options?: { keepSpecial?: boolean }): string
}

export function requestToWire({ tagText, thinking, settledBy, ...request }: ThinkRequest): WireRequest {
  return {
    ...request,
    ...(tagText && { tagText: true as const }),
    ...(thinking && { thinking: { tokens: thinking.tokens, open: thinking.open, exit: thinking.exit } }),
    ...(settledBy && { settledBy: { text: settledBy.text } }),
  }
}

export function requestFromWire({ tagText, thinking, settledBy, ...request }: WireRequest, tokenizer: Reader): ThinkRequest {
  return {
    ...request,
    ...(tagText && { tagText: tagTextOf(tokenizer) }),
    ...(thinking && { thinking: { ...thinking, piece: spellingOf(tokenizer).piece } }),
    ...(settledBy && { settledBy: { ...settledBy, read: (ids: readonly number[]) => tokenizer.decode(ids, { keepSpecial: true }) } }),
  }
}

export function thoughtToWire(thought: Thought): WireThought {
  const { promptIds: _, ...trajectory } = thought.trajectory
  return { ...thought, trajectory }
}

export function thoughtFromWire(thought: WireThought, { promptIds }: Pick<ThinkRequest, 'promptIds'>): Thought {
  return { ...thought, trajectory: { promptIds, ...thought.trajectory } }
}
