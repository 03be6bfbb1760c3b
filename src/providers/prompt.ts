/** From the text of a prompt, or chat messages in JSON, to its ids. */

import type { CheckpointInfo } from '../engine/checkpoint/folder.ts'
import { ConfigError } from '../engine/errors.ts'
import type { ThinkingConfig } from './config.ts'

interface ChatMessage {
  role: string
  content: string
}

/**
 * Ids of a prompt. An array of chat messages in JSON is understood; with `chatTemplate` on they (or the plain prompt as the
 * user's message) are rendered by the checkpoint's template, otherwise their contents are joined by blank lines.
 */
export function promptIds(checkpoint: CheckpointInfo, config: ThinkingConfig, prompt: string): number[] {
  const messages = chatMessages(prompt) ?? [{ role: 'user', content: prompt }]
  if (config.system) messages.unshift({ role: 'system', content: config.system })
  const tokenizer = requireTokenizer(checkpoint)
  // A template writes the start token itself where there is one.
  const ids =
    config.chatTemplate && checkpoint.chatTemplate
      ? tokenizer.encode(checkpoint.chatTemplate.render(messages, { addGenerationPrompt: true }))
      : tokenizer.encode(messages.map((message) => message.content).join('\n\n'), { addSpecial: true })
  if (ids.length === 0)
    throw new ConfigError(`A prompt needs at least one token. Got ${JSON.stringify(prompt)}. Check the prompt template and its vars.`)
  return ids
}

/** The checkpoint's tokenizer; throws ConfigError where it has none. */
export function requireTokenizer(checkpoint: CheckpointInfo): NonNullable<CheckpointInfo['tokenizer']> {
  if (checkpoint.tokenizer) return checkpoint.tokenizer
  throw new ConfigError(
    `A checkpoint needs a tokenizer to read prompts. Got ${checkpoint.folder} without one. Put tokenizer.json and tokenizer_config.json beside its config.json.`,
  )
}

/** Messages of a prompt that is a JSON array of them, else undefined. */
function chatMessages(prompt: string): ChatMessage[] | undefined {
  if (!prompt.trimStart().startsWith('[')) return undefined
  let parsed: unknown
  try {
    parsed = JSON.parse(prompt)
  } catch {
    return undefined
  }
  if (!Array.isArray(parsed) || parsed.length === 0) return undefined
  const messages = parsed.map(chatMessage)
  return messages.every((message) => message !== undefined) ? messages : undefined
}

function chatMessage(value: unknown): ChatMessage | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { role, content } = value as { role?: unknown; content?: unknown }
  if (typeof role !== 'string') return undefined
  if (typeof content === 'string') return { role, content }
  if (!Array.isArray(content)) return undefined
  const texts = content.map((part: { type?: unknown; text?: unknown } | null) => (part?.type === 'text' ? part.text : undefined))
  return texts.every((text) => typeof text === 'string') ? { role, content: texts.join('') } : undefined
}
