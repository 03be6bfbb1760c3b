import { describe, expect, it } from 'vitest'
import { hideTags, type ThinkingMetadata, toProviderResponse } from '../../src/providers/response.ts'
import { tagTextOf } from '../../src/thinking/text-tags.ts'
import type { TagIds, ThinkRequest, Thought, TokenRun } from '../../src/thinking/types.ts'
import { checkpoint } from './characters.ts'

const TAGS: TagIds = { parallel: 1, parallelEnd: 2, path: 3, pathEnd: 4, summary: 5, summaryEnd: 6, newline: [10], eos: [0] }
const NAMES = ['', '<Parallel>', '</Parallel>', '<Path>', '</Path>', '<Summary>', '</Summary>']
const tagless = (ids: number[]) => String.fromCharCode(...ids)
const decode = (ids: number[]) => ids.map((id) => NAMES[id] ?? String.fromCharCode(id)).join('')

/** Sampled ids get −their id / 100 as log-probability, negative ids were injected. */
function run(...ids: number[]): TokenRun {
  return {
    ids: ids.map(Math.abs),
    sampled: ids.map((id) => id > 0),
    logprobs: ids.map((id) => (id > 0 ? -id / 100 : 0)),
    exclusions: ids.map(() => -1),
  }
}

const [A, B, C, D, E] = [...'ABCDE'].map((letter) => letter.charCodeAt(0))
const segments: Thought['trajectory']['segments'] = [
  { kind: 'text', tokens: run(A) },
  { kind: 'block', open: run(1), paths: [run(-3, B, 4), run(-3, C, C, -4)], close: run(-2, -10, -5, D, 6) },
  { kind: 'text', tokens: { ...run(E, 0), logprobs: [-0.5, -0.25] } },
]
const thought: Thought = {
  trajectory: { promptIds: [50, 51], segments, exclusionSets: [], temperature: 1 },
  ids: [A, 1, 3, B, 4, 3, C, C, 4, 2, 10, 5, D, 6, E],
  finishReason: 'stop',
  totalTokens: 16,
  criticalPathTokens: 13,
  blocks: [{ paths: [3, 4], summary: 3 }],
}
const request: ThinkRequest = {
  promptIds: [50, 51],
  mode: 'parallel',
  attention: 'structured',
  tags: TAGS,
  paths: 2,
  maxBlocks: 1,
  budgets: { response: 100 },
  temperature: 1,
  seed: 99,
}

describe('tags that are text', () => {
  const { tokenizer } = checkpoint({ tags: false })
  const tagText = tagTextOf(tokenizer!)
  const said = (text: string): TokenRun => run(...[...text].map((letter) => letter.charCodeAt(0)))
  const parts = { open: '<Parallel>', paths: ['<Path>B.</Path>', '<Path>C</Path>'], close: '</Parallel>\n<Summary>D</Summary>' }
  const block = { kind: 'block' as const, open: said(parts.open), paths: parts.paths.map(said), close: said(parts.close) }
  const text = `A.${parts.open}${parts.paths.join('')}${parts.close}E`
  const spoken: Thought = {
    ...thought,
    trajectory: { ...thought.trajectory, segments: [{ kind: 'text', tokens: said('A.') }, block, { kind: 'text', tokens: said('E') }] },
    ids: said(text).ids,
    blocks: [{ paths: [15, 14], summary: 20 }],
  }
  const asked = { ...request, tagText, tags: { ...TAGS, parallel: -1, path: -1, summary: -1 } }

  it.each(['parallel', 'sequential'] as const)('give the tree, decoded %s, and say that nobody trained them', (mode) => {
    const response = toProviderResponse(spoken, { request: { ...asked, mode }, repeatIndex: 0, showTags: true, decode: tagless })
    expect(response.output).toBe(text)
    expect(response.metadata).toMatchObject({ tags: 'text', trained: false })
    const [{ start, paths, summary }] = (response.metadata as unknown as ThinkingMetadata).tree.blocks
    expect(start).toBe(2)
    expect(paths).toEqual([
      { text: 'B.', tokens: 15 },
      { text: 'C', tokens: 14 },
    ])
    expect(summary).toEqual({ text: 'D', tokens: 20 })
  })
})

describe('toProviderResponse', () => {
  const response = toProviderResponse(thought, { request, repeatIndex: 3, showTags: true, decode })
  const metadata = response.metadata as unknown as ThinkingMetadata

  it('keeps the tags in the output', () => {
    expect(response.output).toBe('A<Parallel><Path>B</Path><Path>CC</Path></Parallel>\n<Summary>D</Summary>E')
    expect(response.finishReason).toBe('stop')
    expect(response.tokenUsage).toEqual({ prompt: 2, completion: 16, total: 18, numRequests: 1 })
  })

  it('gives one log-probability a token of the output, 0 where injected, none for the end', () => {
    expect(response.logProbs).toHaveLength(thought.ids.length)
    expect(response.logProbs?.slice(0, 5)).toEqual([-A / 100, -0.01, 0, -B / 100, -0.04])
    expect(response.logProbs?.at(-1)).toBe(-0.5)
  })

  it('describes the tree in metadata that survives JSON', () => {
    expect(metadata).toMatchObject({
      mode: 'parallel',
      attention: 'structured',
      repeatIndex: 3,
      seed: 99,
      promptTokens: 2,
      totalTokens: 16,
    })
    expect(metadata.criticalPathTokens).toBe(13)
    expect(metadata.tree.blocks).toEqual([
      {
        start: 1,
        paths: [
          { text: 'B', tokens: 3 },
          { text: 'CC', tokens: 4 },
        ],
        summary: { text: 'D', tokens: 3 },
      },
    ])
    expect(JSON.parse(JSON.stringify(response))).toEqual(response)
  })

  it('names the paths that a sibling ended, and what that may have saved', () => {
    const stopped: Thought = { ...thought, blocks: [{ ...thought.blocks[0], stopped: { paths: [1], savedAtMost: 9 } }] }
    const settledBy = { text: ' yes', read: () => '' }
    const of = (one: Thought) =>
      toProviderResponse(one, { request: { ...request, settledBy }, repeatIndex: 0, showTags: true, decode })
        .metadata as unknown as ThinkingMetadata
    expect(of(stopped).tree.blocks[0].paths).toEqual([
      { text: 'B', tokens: 3 },
      { text: 'CC', tokens: 4, ended: 'sibling' },
    ])
    expect(of(stopped).savedTokensAtMost).toBe(9)
    expect(of(thought).savedTokensAtMost).toBe(0)
    expect(of(thought).tree).toEqual(metadata.tree)
    expect(metadata).not.toHaveProperty('savedTokensAtMost')
  })

  it('agrees with the counts of the decoder', () => {
    const counts = metadata.tree.blocks.map(({ paths, summary }) => ({ paths: paths.map(({ tokens }) => tokens), summary: summary.tokens }))
    expect(counts).toEqual(thought.blocks)
  })

  it('counts guesses where there were some and the response was not stored', () => {
    const said = (drafts: Thought['drafts'], cached = false) =>
      toProviderResponse({ ...thought, drafts }, { request, repeatIndex: 0, showTags: true, decode, cached }).metadata
    expect(said({ drafted: 7, accepted: 3 })).toHaveProperty('speculation', { drafted: 7, accepted: 3 })
    for (const metadata of [said(undefined), said({ drafted: 0, accepted: 0 }), said({ drafted: 7, accepted: 3 }, true)]) {
      expect(metadata).not.toHaveProperty('speculation')
    }
  })

  it('hides tags on demand', () => {
    const hidden = toProviderResponse(thought, { request, repeatIndex: 0, showTags: false, decode })
    expect(hidden.output).toBe('A\nB\nCC\nD\nE')
    expect(hidden.metadata?.tree).toEqual(metadata.tree)
  })

  it('describes blocks that a sequential response wrote itself', () => {
    const ids = [A, 1, 3, B, 4, 3, C, 4, 2, 10, 5, D, 6]
    const plain: Thought = { ...thought, ids, trajectory: { ...thought.trajectory, segments: [{ kind: 'text', tokens: run(...ids) }] } }
    const response = toProviderResponse(plain, { request: { ...request, mode: 'sequential' }, repeatIndex: 0, showTags: true, decode })
    const [block] = (response.metadata as unknown as ThinkingMetadata).tree.blocks
    expect(block.paths.map(({ text }) => text)).toEqual(['B', 'C'])
    expect(block.start).toBe(1)
  })

  it('copes with an empty response', () => {
    const empty: Thought = {
      ...thought,
      ids: [],
      blocks: [],
      trajectory: { ...thought.trajectory, segments: [{ kind: 'text', tokens: run(0) }] },
    }
    const response = toProviderResponse(empty, { request, repeatIndex: 0, showTags: true, decode })
    expect(response).toMatchObject({ output: '', logProbs: [], metadata: { tree: { blocks: [] } } })
  })
})

it('says what paths began with, where the decoder wrote something', () => {
  const starts = ['B', 'C'].map((text) => ({ text, ids: [text.charCodeAt(0)] }))
  const options = { repeatIndex: 0, showTags: true, decode }
  const { metadata } = toProviderResponse(thought, { request: { ...request, pathStarts: starts }, ...options })
  expect(metadata).toMatchObject({ pathStarts: ['B', 'C'], tree: { blocks: [{ paths: [{ text: 'B' }, { text: 'CC' }] }] } })
  expect(toProviderResponse(thought, { request, ...options }).metadata).not.toHaveProperty('pathStarts')
})

describe('outlines', () => {
  const tags = { ...TAGS, outline: 7, outlineEnd: 8 }
  const named = (ids: number[]) => ids.map((id) => [...NAMES, '<Outline>', '</Outline>'][id] ?? String.fromCharCode(id)).join('')
  const segments: Thought['trajectory']['segments'] = [
    {
      ...{ kind: 'block', open: run(1), outlines: [run(-7, A, 8), run(7, B, B, 8)] },
      ...{ paths: [run(3, C, 4), run(-3, D, 4)], close: run(-2, -10, -5, E, 6) },
    },
  ]
  const ids = [1, 7, A, 8, 7, B, B, 8, 3, C, 4, 3, D, 4, 2, 10, 5, E, 6]
  const planned: Thought = {
    ...{ trajectory: { promptIds: [50, 51], segments, exclusionSets: [], temperature: 1 }, ids, finishReason: 'stop' },
    ...{ totalTokens: 20, criticalPathTokens: 17, blocks: [{ outlines: [3, 4], paths: [3, 3], summary: 3 }] },
  }
  const paths = [
    { text: 'C', tokens: 3, outline: { text: 'A', tokens: 3 } },
    { text: 'D', tokens: 3, outline: { text: 'BB', tokens: 4 } },
  ]
  const respond = (request: ThinkRequest, showTags = true) =>
    toProviderResponse(planned, { request, repeatIndex: 0, showTags, decode: named })

  it.each(['parallel', 'sequential'] as const)('stand with their paths in the metadata, decoded %s', (mode) => {
    const { metadata } = respond({ ...request, tags, mode, outlines: mode === 'parallel' ? true : undefined })
    expect((metadata as unknown as ThinkingMetadata).tree.blocks).toEqual([{ start: 0, paths, summary: { text: 'E', tokens: 3 } }])
  })

  it('are hidden with the other tags', () => {
    expect(respond({ ...request, tags, outlines: true }, false).output).toBe('A\nBB\nC\nD\nE')
  })
})

describe('hideTags', () => {
  it('leaves text without tags alone but for outer white space', () => {
    expect(hideTags('1 < 2\n\nand <b>')).toBe('1 < 2\n\nand <b>')
  })
})

describe('thinking', () => {
  const said = (text: string, injected = ''): Thought => {
    const letters = (part: string) => [...part].map((letter) => letter.charCodeAt(0))
    const tokens = run(...letters(text), ...letters(injected).map((id) => -id))
    const trajectory = { ...thought.trajectory, segments: [{ kind: 'text' as const, tokens }] }
    return { ...thought, trajectory, ids: tokens.ids, blocks: [] }
  }
  const state = (made: Thought, prompt = 'q') => {
    const asked = { ...request, promptIds: said(prompt).ids }
    return toProviderResponse(made, { request: asked, repeatIndex: 0, showTags: true, decode: tagless }).metadata?.thinking
  }

  it('that the budget ended or the response did not end is told', () => {
    expect(state(said('<think>a</think>7'))).toBeUndefined()
    expect(state(said('7'))).toBeUndefined()
    expect(state(said('<think>7'))).toBe('unclosed')
    expect(state(said('7'), 'q<think>\n')).toBe('unclosed')
    expect(state(said('7'), 'q<think>\n\n</think>\n')).toBeUndefined()
    expect(state(said('a', '</think>'), 'q<think>\n')).toBe('cut')
  })
})
