/** From the text of a prompt, or chat messages in JSON, to its ids; and whether the model was trained on such ids. */

import type { ChatMessage, ChatTemplate, TemplateInputs } from '../engine/checkpoint/chat-template.ts'
import type { CheckpointInfo } from '../engine/checkpoint/folder.ts'
import { defaultDate } from '../engine/date.ts'
import { ConfigError } from '../engine/errors.ts'
import { blankLine } from '../engine/plain-template.ts'
import { strangeEdge } from '../engine/prompt-edges.ts'
import type { ThinkingConfig } from './config.ts'

/** A prompt as the model reads it. */
export interface ReadPrompt {
  messages: readonly ChatMessage[]
  ids: number[]
  /** What the checkpoint's chat template was told to write it, the day only where it asks for one. Undefined where no template wrote it. */
  told?: TemplateInputs
}

/** The ids of {@link readPrompt}. */
export function promptIds(checkpoint: CheckpointInfo, config: ThinkingConfig, prompt: string): number[] {
  return readPrompt(checkpoint, config, prompt).ids
}

/**
 * Reads a prompt. An array of chat messages in JSON is understood; with `chatTemplate` on they (or the plain prompt as the
 * user's message) are rendered by the checkpoint's template, otherwise their contents are joined by blank lines.
 */
export function readPrompt(checkpoint: CheckpointInfo, config: ThinkingConfig, prompt: string): ReadPrompt {
  const messages = chatMessages(prompt) ?? [{ role: 'user', content: prompt }]
  if (config.system) messages.unshift({ role: 'system', content: config.system })
  const tokenizer = requireTokenizer(checkpoint)
  const template = config.chatTemplate ? checkpoint.chatTemplate : undefined
  if (config.template && !template) {
    const found = checkpoint.chatTemplate ? 'chatTemplate: false' : `${checkpoint.folder} without one`
    throw new ConfigError(`"template" gives variables to a chat template. Got ${found}. Leave one of the two out.`)
  }
  const told = template && inputsOf(template, checkpoint, config)
  // A template writes the start token itself where there is one.
  const ids = template
    ? tokenizer.encode(template.render(messages, { ...told, addGenerationPrompt: true }))
    : tokenizer.encode(plainText(messages), { addSpecial: true })
  if (ids.length === 0)
    throw new ConfigError(`A prompt needs at least one token. Got ${JSON.stringify(prompt)}. Check the prompt template and its vars.`)
  return { messages, ids, ...(told && { told }) }
}

/** What the template is told. What the config leaves out is told as in the checkpoint's training. */
function inputsOf({ dated }: ChatTemplate, { parallel }: CheckpointInfo, config: ThinkingConfig): TemplateInputs {
  const { variables = {}, date = defaultDate } = parallel?.template ?? {}
  const chosen = config.template ?? variables
  return { ...(Object.keys(chosen).length > 0 && { variables: chosen }), ...(dated && { date: config.date ?? date }) }
}

/** What is encoded where no chat template is used. */
export function plainText(messages: readonly ChatMessage[]): string {
  return messages.map(({ content }) => content).join(blankLine)
}

/** Says where a prompt begins or ends unlike every prompt of the checkpoint's training; undefined where it does not, or nothing is known. */
export function strangePrompt(checkpoint: CheckpointInfo, { ids, told }: Omit<ReadPrompt, 'messages'>): string | undefined {
  const edges = checkpoint.parallel?.prompts
  const strange = edges && strangeEdge(edges, ids)
  if (!strange) return undefined
  const { edge, id } = strange
  const text = (token: number): string => JSON.stringify(requireTokenizer(checkpoint).decode([token]))
  const next =
    checkpoint.chatTemplate && !told ? 'Leave chatTemplate: false out, the template writes that form.' : 'Write it in the form of training.'
  return `A prompt ${edge === 'lastIds' ? 'ends' : 'begins'} unlike every prompt that ${checkpoint.folder} was trained on, so its answers may be worse than the model is. Got the token ${text(id)}, training had ${edges[edge].map(text).join(' or ')}. ${next}`
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
