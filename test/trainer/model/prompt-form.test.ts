import { describe, expect, it } from 'vitest'
import { ChatTemplate } from '../../../src/engine/checkpoint/chat-template.ts'
import type { Tokenizer } from '../../../src/engine/checkpoint/tokenizer.ts'
import { parseThinkingConfig } from '../../../src/providers/config.ts'
import { readPrompt } from '../../../src/providers/prompt.ts'
import { trainedInputs, trainedTemplate } from '../../../src/trainer/model/prompt-form.ts'
import { checkpoint as characters } from '../../providers/characters.ts'

/** Tokens are characters, and the tokenizer puts `^` before a text. */
function checkpoint(chatTemplate?: ChatTemplate) {
  const toy = characters()
  const tokenizer = {
    ...toy.tokenizer,
    specialTokens: { bos_token: '^' },
    decode: (ids: number[]) => String.fromCharCode(...ids),
  } as unknown as Tokenizer
  return { ...toy, tokenizer, chatTemplate }
}

const read = (prompts: string[], raw: object = {}, from = checkpoint()) =>
  prompts.map((prompt) => readPrompt(from, parseThinkingConfig(raw, 'the config'), prompt))

/** What a prompt becomes under the template of a model that was trained on others. */
function reads(trained: ReturnType<typeof read>, prompt: string): string {
  const made = { ...checkpoint(), chatTemplate: trainedTemplate(checkpoint(), trained) }
  return String.fromCharCode(...read([prompt], {}, made)[0].ids)
}

describe('trainedTemplate', () => {
  it('writes the white space that all prompts share, and the start token that the tokenizer adds', () => {
    expect(reads(read(['a b\n', 'c\n']), ' d\n\n')).toBe('^d\n')
    expect(reads(read(['\n a', '\n b']), 'd ')).toBe('^\n d')
  })

  it('leaves white space alone where prompts differ in it', () => {
    expect(reads(read(['a\n', 'b']), 'd \n')).toBe('^d \n')
    expect(reads(read([' a\n', 'b\n']), ' d')).toBe('^ d\n')
    expect(reads(read(['a\n', ' b']), ' d ')).toBe('^ d ')
    expect(reads(read(['\ta', '\tb ']), 'd ')).toBe('^\td ')
  })

  it('joins messages as training did, and refuses them where training had none', () => {
    const chat = JSON.stringify([
      { role: 'system', content: 'S' },
      { role: 'user', content: 'U' },
    ])
    expect(reads(read(['a\n', 'b\n'], { system: 'S' }), chat)).toBe('^S\n\nU\n')
    expect(() => reads(read(['a\n']), chat)).toThrow('one user message')
  })

  it("keeps a model's own, but where no stage used it", () => {
    const own = new ChatTemplate('[{{ messages[0].content }}]')
    const from = checkpoint(own)
    expect(trainedTemplate(from, read(['a\n', 'b\n'], {}, from))).toBe(own)
    const plain = read(['a\n', 'b\n'], { chatTemplate: false }, from)
    expect(trainedTemplate(from, [...plain, ...read(['c'], {}, from)])).toBe(own)
    expect(trainedTemplate(from, plain)?.render([{ role: 'user', content: 'd' }])).toBe('^d\n')
  })

  it('is none where no text gives the ids of training', () => {
    const [odd] = read(['a\n'])
    expect(trainedTemplate(checkpoint(), [odd, { ...odd, ids: [...odd.ids, 7] }])).toBeUndefined()
    expect(trainedTemplate(checkpoint(), [{ ...odd, ids: [1, 2, 3] }])).toBeUndefined()
  })

  it('takes text of prompts for text, whatever it looks like', () => {
    expect(reads(read(['{{ 1 }}"\n', '{% x %}\n']), '{{ messages }}')).toBe('^{{ messages }}\n')
  })
})

describe('trainedInputs', () => {
  const from = checkpoint(new ChatTemplate('{{ messages[0].content }}'))
  const told = (template?: object) => read(['a', 'b'], { template }, from)
  const before = { variables: { brief: true } }

  it('are what a template was told in every prompt, in place of what it was told before', () => {
    expect(trainedInputs(told({ style: 'x' }), before)).toEqual({ variables: { style: 'x' } })
    expect(trainedInputs(told({}), before)).toBeUndefined()
  })

  it('are none where prompts differ, and stay where no template wrote a prompt', () => {
    expect(trainedInputs([...told({ style: 'x' }), ...told()], before)).toBeUndefined()
    expect(trainedInputs(read(['a'], { chatTemplate: false }, from), before)).toBe(before)
  })
})
