import { describe, expect, it } from 'vitest'
import { parseThinkingConfig } from '../../src/providers/config.ts'
import { budgetsOf, toRequest } from '../../src/providers/request.ts'
import { checkpoint, TAGS } from './characters.ts'

const config = (raw: object = {}) => parseThinkingConfig(raw, 'the config')

describe('toRequest', () => {
  const saved = { attention: 'structured', tags: TAGS, budgets: { response: 300, path: 50 }, paths: 3, maxBlocks: 2 }

  it('prefers the config, then the checkpoint, then a default', () => {
    const request = toRequest(config({ paths: 5, pathTokens: 60 }), checkpoint({ parallel: saved }), [1, 2], 7)
    expect(request).toMatchObject({
      mode: 'parallel',
      attention: 'structured',
      tags: TAGS,
      paths: 5,
      maxBlocks: 2,
      seed: 7,
      promptIds: [1, 2],
    })
    expect(request.budgets).toMatchObject({ response: 300, path: 60 })
    expect(toRequest(config({ speculate: 'auto' }), checkpoint(), [1], 0).speculate).toBe('auto')
    expect(request).not.toHaveProperty('speculate')
    expect(toRequest(config(), checkpoint(), [1], 0)).toMatchObject({ attention: 'causal', tags: TAGS, paths: 2, maxBlocks: 4 })
  })

  it('keeps within the positions of the model: the critical path under structured attention, the response otherwise', () => {
    const prompt = Array.from({ length: 90 }, () => 1)
    const structured = toRequest(config({ maxTokens: 200 }), checkpoint({ parallel: saved, maxPositions: 100 }), prompt, 0)
    expect(structured.budgets).toMatchObject({ response: 200, criticalPath: 10 })
    const sequential = toRequest(
      config({ maxTokens: 200, mode: 'sequential' }),
      checkpoint({ parallel: saved, maxPositions: 100 }),
      prompt,
      0,
    )
    expect(sequential.budgets.response).toBe(10)
    expect(() => toRequest(config(), checkpoint({ maxPositions: 90 }), prompt, 0)).toThrow('leaves no room')
  })

  it('refuses an attention mode that the checkpoint contradicts, takes it where the checkpoint says nothing', () => {
    expect(() => toRequest(config({ attention: 'causal' }), checkpoint({ parallel: saved }), [1], 0)).toThrow('which says structured')
    expect(toRequest(config({ attention: 'structured' }), checkpoint(), [1], 0).attention).toBe('structured')
  })

  it('decodes a checkpoint without tags sequentially only', () => {
    expect(() => toRequest(config(), checkpoint({ tags: false }), [1], 0)).toThrow('Use mode: sequential')
    expect(toRequest(config({ mode: 'sequential' }), checkpoint({ tags: false }), [1], 0).tags.eos).toEqual([0])
  })
})

describe('tags: text', () => {
  it('takes the tags as the tokenizer writes them, in either mode, and is refused for a checkpoint that has tokens for them', () => {
    for (const mode of ['parallel', 'sequential']) {
      const asked = toRequest(config({ tags: 'text', mode }), checkpoint({ tags: false }), [1], 0)
      expect(asked.tags).toMatchObject({ parallel: -1, newline: [], eos: [0] })
      const { written, piece } = asked.tagText!
      expect(written.path.map(piece).join('')).toBe('<Path>')
      expect(written.beforeSummary.map(piece).join('')).toBe('</Parallel>\n')
    }
    expect(toRequest(config(), checkpoint(), [1], 0)).not.toHaveProperty('tagText')
    expect(() => toRequest(config({ tags: 'text' }), checkpoint(), [1], 0)).toThrow(
      /no token for a tag. Got .* has <Parallel>. Leave the key out/,
    )
  })
})

describe('outlines', () => {
  const tags = { ...TAGS, outline: 206, outlineEnd: 207 }
  const parallel = { attention: 'structured', tags, outlines: true }

  it('are asked for by the config, else as the checkpoint was trained, in parallel mode only', () => {
    const knows = checkpoint({ outlines: true })
    expect(toRequest(config({ outlines: true, paths: 5 }), knows, [1], 0)).toMatchObject({ outlines: true, paths: 5, tags })
    expect(toRequest(config(), knows, [1], 0)).not.toHaveProperty('outlines')
    const trained = checkpoint({ outlines: true, parallel })
    expect(toRequest(config(), trained, [1], 0).outlines).toBe(true)
    expect(toRequest(config({ outlines: false }), trained, [1], 0)).not.toHaveProperty('outlines')
    expect(toRequest(config({ mode: 'sequential' }), trained, [1], 0)).not.toHaveProperty('outlines')
  })

  it('are refused by name for a checkpoint without their tags, which decodes as before, and where tags are text', () => {
    for (const old of [checkpoint(), checkpoint({ outlines: true, parallel: { attention: 'causal', tags: TAGS } })]) {
      expect(() => toRequest(config({ outlines: true }), old, [1], 0)).toThrow(
        /needs a checkpoint trained with <Outline> and <\/Outline>. Got models\/toy, which has no such tags/,
      )
      expect(toRequest(config(), old, [1], 0).tags.path).toBe(202)
    }
    expect(() => toRequest(config({ outlines: true, tags: 'text' }), checkpoint({ tags: false }), [1], 0)).toThrow(
      /outlines: true needs tags that are tokens. Got tags: text for models\/toy/,
    )
  })
})

describe('pathStarts', () => {
  const parallel = { attention: 'causal', tags: TAGS, paths: 2, pathStarts: ['A: ', 'B: '] }

  it('are asked for by the config, else as the checkpoint was trained, one for each path, in parallel mode only', () => {
    const asked = toRequest(config({ pathStarts: ['1.', '2)', '3'], paths: 2 }), checkpoint(), [1], 0)
    expect(asked.pathStarts).toEqual([
      { text: '1.', ids: [49, 46] },
      { text: '2)', ids: [50, 41] },
    ])
    const trained = checkpoint({ parallel })
    expect(toRequest(config(), trained, [1], 0).pathStarts?.map(({ text }) => text)).toEqual(['A: ', 'B: '])
    expect(toRequest(config({ pathStarts: [] }), trained, [1], 0)).not.toHaveProperty('pathStarts')
    expect(toRequest(config({ mode: 'sequential' }), trained, [1], 0)).not.toHaveProperty('pathStarts')
    expect(toRequest(config(), checkpoint(), [1], 0)).not.toHaveProperty('pathStarts')
  })

  it('are refused where they are too few, hold a tag, or stand beside outlines', () => {
    const refused = (raw: object, over = checkpoint({ outlines: true })) => expect(() => toRequest(config(raw), over, [1], 0))
    refused({ pathStarts: ['a'], paths: 2 }).toThrow('pathStarts needs a text for each of the 2 paths of a block. Got 1.')
    refused({ paths: 3 }, checkpoint({ parallel })).toThrow('Got 2. Add some, or lower paths.')
    for (const text of ['</Path>', 'x <Summary>', '<Parallel><Path>']) {
      refused({ pathStarts: [text, 'b'] }).toThrow(`A path cannot begin with a tag. Got ${JSON.stringify(text)}`)
    }
    refused({ pathStarts: ['a', 'b'], outlines: true }).toThrow('Got both. Leave one of the two out.')
    expect(() => config({ pathStarts: ['a', ''] })).toThrow('pathStart 2 of the config must be text')
    expect(() => config({ pathStarts: 'a' })).toThrow('Write a list of texts')
  })
})

describe('settledBy', () => {
  it('gives the decoder the text and what reads it, in parallel decoding only', () => {
    const asked = toRequest(config({ settledBy: ' yes' }), checkpoint(), [1], 0)
    expect(asked.settledBy!.text).toBe(' yes')
    expect(asked.settledBy!.read([202, 111, 107, 203])).toBe('<Path>ok</Path>')
    expect(toRequest(config({ settledBy: ' yes', mode: 'sequential' }), checkpoint(), [1], 0)).not.toHaveProperty('settledBy')
    expect(toRequest(config(), checkpoint(), [1], 0)).not.toHaveProperty('settledBy')
  })
})

describe('thinkTokens', () => {
  const ids = (text: string) => [...text].map((letter) => letter.charCodeAt(0))
  it('tells the decoder when to end the thinking, how, and whether the prompt began it', () => {
    const asked = (prompt: string) => toRequest(config({ thinkTokens: 7 }), checkpoint(), ids(prompt), 0).thinking!
    expect(asked('assistant:<think>\n')).toMatchObject({ tokens: 7, open: true })
    expect(asked('<think>\n\n</think>\n\n').open).toBe(false)
    expect(String.fromCharCode(...asked('x').exit)).toMatch(/directly now\.\n<\/think>\n\n$/)
    expect(toRequest(config(), checkpoint(), ids('x'), 0)).not.toHaveProperty('thinking')
  })
})

describe('budgetsOf', () => {
  it('takes each budget from the config, then the checkpoint, then a default, whatever the prompt leaves', () => {
    const parallel = { attention: 'structured', tags: TAGS, budgets: { response: 300, path: 50, answerReserve: 7 } }
    expect(budgetsOf(config({ pathTokens: 60, blockTokens: 90 }), checkpoint({ parallel, maxPositions: 100 }))).toEqual({
      response: 300,
      path: 60,
      block: 90,
      criticalPath: undefined,
      answerReserve: 7,
    })
    expect(budgetsOf(config(), checkpoint())).toEqual({ response: 1024 })
    expect(budgetsOf(config({ maxTokens: 5, answerReserve: 0 }), checkpoint({ parallel }))).toMatchObject({ response: 5, answerReserve: 0 })
  })
})
