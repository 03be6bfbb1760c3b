/**
 * The form of the prompts that a run trains on. The checkpoint carries it: a chat template that writes any prompt in that form
 * for inference, what that template was told, and the first and last ids by which a prompt in another form is noticed.
 */

import { isDeepStrictEqual } from 'node:util'
import { ChatTemplate, type TemplateInputs } from '../../engine/checkpoint/chat-template.ts'
import type { CheckpointInfo } from '../../engine/checkpoint/folder.ts'
import type { Tokenizer } from '../../engine/checkpoint/tokenizer.ts'
import { type PlainForm, plainTemplate } from '../../engine/plain-template.ts'
import { plainText, type ReadPrompt } from '../../providers/prompt.ts'

/**
 * The template that inference shall use: the checkpoint's own where a stage used it, else one made from the prompts. It gives every prompt
 * the ids that it is trained with. Undefined where none does.
 */
export function trainedTemplate(
  checkpoint: CheckpointInfo & { tokenizer: Tokenizer },
  prompts: readonly ReadPrompt[],
): ChatTemplate | undefined {
  if (prompts.length === 0 || prompts.some(({ told }) => told)) return checkpoint.chatTemplate
  const { tokenizer } = checkpoint
  const special = specialsAround(tokenizer, prompts[0])
  if (!special) return undefined
  const form = plainForm(prompts)
  const source = plainTemplate({ ...form, before: special.before + form.before, after: form.after + special.after })
  const template = new ChatTemplate(source, tokenizer.specialTokens)
  // Equal text has equal ids where the tokenizer adds nothing of its own.
  const adds = special.before + special.after !== ''
  const gives = ({ messages, ids }: ReadPrompt): boolean => {
    const text = template.render(messages)
    return adds ? equal(tokenizer.encode(text), ids) : text === plainText(messages)
  }
  return prompts.every(gives) ? template : undefined
}

/**
 * What evaluation tells the chat template by default: what it was told in every prompt of a stage that it wrote. A stage without such prompts
 * leaves what `before` it was. Undefined where nothing was told, or not the same in all.
 */
export function trainedInputs(prompts: readonly ReadPrompt[], before?: TemplateInputs): TemplateInputs | undefined {
  const told = prompts.flatMap((prompt) => prompt.told ?? [])
  if (told.length === 0) return before
  return told.every((inputs) => isDeepStrictEqual(inputs, told[0])) && Object.keys(told[0]).length > 0 ? told[0] : undefined
}

/** For the plan: the first prompt as the model reads it, and what writes it at inference. */
export function describePrompt({ tokenizer, chatTemplate }: CheckpointInfo & { tokenizer: Tokenizer }, { ids, told }: ReadPrompt): string {
  const text = JSON.stringify(tokenizer.decode(ids))
  const shown = text.length > 160 ? `${text.slice(0, 80)} … ${text.slice(-80)}` : text
  const inputs = told && Object.keys(told).length > 0 ? ` It is told ${JSON.stringify(told)}.` : ''
  return `${shown}\n${chatTemplate ? `The chat template writes this form.${inputs}` : 'No chat template gives these ids. Write prompts as in training.'}`
}

/** White space around the texts that all prompts share is the form's, any other is the text's own. */
function plainForm(prompts: readonly ReadPrompt[]): PlainForm {
  const joined = prompts.some(({ messages }) => messages.length !== 1 || messages[0].role !== 'user')
  const texts = prompts.map(({ messages }) => plainText(messages))
  const before = shared(texts.map((text) => text.slice(0, text.length - text.trimStart().length)))
  const after = shared(texts.map((text) => text.slice(text.trimEnd().length)))
  const trim = before !== undefined ? (after !== undefined ? 'both' : 'start') : after !== undefined ? 'end' : 'none'
  return { before: before ?? '', after: after ?? '', trim, joined }
}

function shared(values: readonly string[]): string | undefined {
  return values.every((value) => value === values[0]) ? values[0] : undefined
}

/** The special tokens that the tokenizer puts around a text by itself (llama: its BOS), as text; undefined where the ids are not found again. */
function specialsAround(tokenizer: Tokenizer, { messages, ids }: ReadPrompt): { before: string; after: string } | undefined {
  const bare = tokenizer.encode(plainText(messages))
  for (let start = 0; start + bare.length <= ids.length; start++) {
    if (!bare.every((id, i) => id === ids[start + i])) continue
    return { before: tokenizer.decode(ids.slice(0, start)), after: tokenizer.decode(ids.slice(start + bare.length)) }
  }
  return undefined
}

function equal(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i])
}
