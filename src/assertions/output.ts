/** The text of a response, in whatever form a provider hands it on. */

/** Where a message, a completion or a whole answer of an API keeps its text, in the order of search. */
const TEXT_KEYS = ['content', 'text', 'output', 'answer', 'response', 'message', 'choices'] as const

/** A message or a list of messages, written as JSON: what a chat prompt is, and what providers that pass JSON on return. */
const CHAT_JSON = /^\s*(?:\[\s*)?\{\s*"role"\s*:/

/** An answer nests message in choice in answer, and parts in content. */
const MAX_DEPTH = 6

/**
 * Text of an output. `file://` and `package:` assertions get the raw output, which may be anything. A message gives its
 * text, a list of messages that of the last, a list of content parts their texts joined, the answer of a chat API (OpenAI,
 * vLLM, Ollama, Anthropic) that of its message. Anything else is its JSON.
 */
export function outputText(output: unknown): string {
  if (typeof output === 'string') return chatText(output) ?? output
  return textOf(output, MAX_DEPTH) ?? JSON.stringify(output) ?? ''
}

function chatText(output: string): string | undefined {
  if (!CHAT_JSON.test(output.slice(0, 200))) return undefined
  try {
    return textOf(JSON.parse(output), MAX_DEPTH)
  } catch {
    return undefined
  }
}

function textOf(value: unknown, depth: number): string | undefined {
  if (value === undefined || value === null) return ''
  if (typeof value !== 'object') return String(value)
  if (depth === 0) return undefined
  if (Array.isArray(value)) return isParts(value) ? value.map(({ text }) => text ?? '').join('') : textOf(value.at(-1), depth - 1)
  for (const key of TEXT_KEYS) {
    if (!Object.hasOwn(value, key)) continue
    const inner = (value as Record<string, unknown>)[key]
    if (inner === null || typeof inner === 'boolean') continue
    const text = key === 'choices' && Array.isArray(inner) ? textOf(inner[0], depth - 1) : textOf(inner, depth - 1)
    if (text !== undefined) return text
  }
  return undefined
}

/** Parts of one message: typed, and without a role. Reasoning and tool calls have no `text`. */
function isParts(list: readonly unknown[]): list is { type: string; text?: string }[] {
  const isPart = (part: unknown): boolean => {
    if (typeof part !== 'object' || part === null || 'role' in part) return false
    const { type, text } = part as { type?: unknown; text?: unknown }
    return typeof type === 'string' && (text === undefined || typeof text === 'string')
  }
  return list.length > 0 && list.every(isPart)
}
