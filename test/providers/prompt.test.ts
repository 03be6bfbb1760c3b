import { describe, expect, it } from 'vitest'
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
