import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Tokenizer } from '../../src/engine/checkpoint/tokenizer.ts'
import { ConfigError } from '../../src/engine/errors.ts'
import { mostBlocks, resolveLimits } from '../../src/thinking/budget.ts'
import { parseThinking, TAGS } from '../../src/thinking/grammar.ts'
import { Scheduler } from '../../src/thinking/scheduler.ts'
import { blocksInText, tagTextOf } from '../../src/thinking/text-tags.ts'
import { responseIds } from '../../src/thinking/trajectory.ts'
import type { ThinkRequest, Thought } from '../../src/thinking/types.ts'
import { inProofs } from '../proofs.ts'
import { byteLevel, tokenizers } from '../tags/tokenizers.ts'
import { expectParity } from './context-parity.ts'
import { type Script, scribble, ToyModel } from './toy-model.ts'

const NONE = { parallel: -1, parallelEnd: -1, path: -1, pathEnd: -1, summary: -1, summaryEnd: -1, newline: [], eos: [0] }

function request(tokenizer: Tokenizer, overrides: Partial<ThinkRequest> = {}): ThinkRequest {
  return {
    ...{ promptIds: tokenizer.encode('ab'), mode: 'parallel', attention: 'structured', tags: NONE, tagText: tagTextOf(tokenizer) },
    ...{ paths: 2, maxBlocks: 2, budgets: { response: 300 }, temperature: 1, seed: 7 },
    ...overrides,
  }
}

async function think(tokenizer: Tokenizer, script: Script, asked: ThinkRequest): Promise<{ thought: Thought; toy: ToyModel }> {
  const toy = new ToyModel(script, { vocabSize: tokenizer.vocabSize })
  const scheduler = new Scheduler(toy.model, { maxStepTokens: 32 })
  const thought = await scheduler.think(asked)
  expect(toy.liveSequences).toBe(0)
  await scheduler.close()
  return { thought, toy }
}

/** Says these tokens, named as the vocabulary spells them: free text, paths by number, summaries. Then the filler. */
function says(tokenizer: Tokenizer, said: { text: string; paths: string[]; summary: string }): Script {
  const cursors = new Map<string, number>()
  const ids = (text: string) => text.split(' ').map((token) => tokenizer.idOf(token)!)
  const lists: Record<string, number[]> = { text: ids(said.text), summary: ids(said.summary) }
  said.paths.forEach((path, k) => {
    lists[`path ${k}`] = ids(path)
  })
  return (_, { stream, exclude }) => {
    const key = stream > 0 ? `path ${(stream - 1) % 16}` : exclude?.includes(0) ? 'summary' : 'text'
    const at = cursors.get(key) ?? 0
    cursors.set(key, at + 1)
    return lists[key][at] ?? tokenizer.idOf('x')!
  }
}

describe('tags as text, byte level', () => {
  const tokenizer = byteLevel()
  const said = {
    text: '1 .< Pa r a l l e l >Ċ z 0 <|end|>',
    paths: ['b .</ Path >< x', 'c < / Pa t h >'],
    summary: 'd < / S u m m a r y >Ċ',
  }

  it('are found where they begin and end inside tokens; what stands behind a tag in a block is dropped, behind the block it stays', async () => {
    for (const attention of ['structured', 'causal'] as const) {
      const { thought, toy } = await think(tokenizer, says(tokenizer, said), request(tokenizer, { attention }))
      const text = tokenizer.decode(thought.ids)
      expect(text).toBe('1.<Parallel><Path>b.</Path><Path>c</Path></Parallel>\n<Summary>d</Summary>\nz0')
      expect(thought.finishReason).toBe('stop')
      const [free, block, rest] = thought.trajectory.segments
      if (free.kind !== 'text' || block.kind !== 'block' || rest.kind !== 'text') throw new Error('no block')
      expect(tokenizer.decode(free.tokens.ids)).toBe('1')
      expect(tokenizer.decode(block.open.ids)).toBe('.<Parallel>')
      // The token that said more was replaced by one that the model did not draw.
      expect(block.open.sampled).toEqual([...Array(8).fill(true), false])
      expect(block.paths.map(({ sampled }) => sampled.at(-1))).toEqual([false, true])
      expect(tokenizer.decode(rest.tokens.ids)).toBe('z0<|end|>')
      const { beforeSummary } = tagTextOf(tokenizer).written
      const lengths = block.paths.map(({ ids }) => ids.length)
      expect(thought.blocks).toEqual([{ paths: lengths, summary: block.close.ids.length - beforeSummary.length }])
      expectParity(thought, toy, attention, 7)
    }
  })

  it('are closed by the decoder where a budget ends, with what is missing of a tag that was begun', async () => {
    const open = { ...said, paths: ['b', 'c c c c c < / Pa'], summary: 'd' }
    const path = tagTextOf(tokenizer).written.path.length + 8 + tagTextOf(tokenizer).written.pathEnd.length
    const { thought } = await think(tokenizer, says(tokenizer, open), request(tokenizer, { budgets: { response: 300, path, block: 90 } }))
    const text = tokenizer.decode(thought.ids)
    expect(text).toMatch(/^1\.<Parallel><Path>bx+<\/Path><Path>ccccc<\/Path><\/Parallel>\n<Summary>dx+<\/Summary>z0$/)
  })

  it('do not open a block where none may open: the token that would complete it is not drawn', async () => {
    const nested = { ...said, paths: ['b < Pa r a l l e l >', 'c < Pa r a l l e l ><'] }
    const { thought } = await think(tokenizer, says(tokenizer, nested), request(tokenizer, { maxBlocks: 1 }))
    expect(thought.blocks).toHaveLength(1)
    expect(parseThinking(tokenizer.decode(thought.ids)).tree.parts.filter(({ kind }) => kind === 'block')).toHaveLength(1)
    const none = await think(tokenizer, says(tokenizer, said), request(tokenizer, { maxBlocks: 0 }))
    expect(none.thought.blocks).toEqual([])
    expect(tokenizer.decode(none.thought.ids)).not.toContain('<Parallel>')
  })

  it('are read in a response that was decoded plainly', async () => {
    const text = '1.<Parallel>\n<Path>b</Path> <Path>c c</Path></Parallel>\n<Summary>d</Summary>\nz'
    const ids = tokenizer.encode(text)
    const spoken = {
      ...said,
      text: ids
        .map((id) => tokenizer.tokenOf(id))
        .concat('<|end|>')
        .join(' '),
    }
    const { thought } = await think(tokenizer, says(tokenizer, spoken), request(tokenizer, { mode: 'sequential' }))
    expect(tokenizer.decode(thought.ids)).toBe(text)
    expect(thought.blocks).toHaveLength(1)
    const [block] = blocksInText(thought.ids, tagTextOf(tokenizer))
    expect(block.paths.map((path) => path.text)).toEqual(['b', 'c c'])
    expect(block.summary.text).toBe('d')
    expect(tokenizer.decode(ids.slice(0, block.start))).toBe('1')
  })

  it('need a tokenizer that can write them', () => {
    const poor = {
      vocabSize: 1,
      encode: () => [0],
      decode: (ids: Iterable<number>) => [...ids].map(() => '?').join(''),
      tokenOf: () => '?',
    }
    expect(() => tagTextOf(poor)).toThrow(ConfigError)
    expect(() => tagTextOf(poor)).toThrow(/needs a tokenizer that writes the tags as they are. Got "\?" for "<Parallel>"/)
  })
})

describe('random text with tags', () => {
  const setting = fc.record({
    ...{
      kind: fc.constantFrom(...tokenizers.map(([, make]) => make())),
      attention: fc.constantFrom('structured' as const, 'causal' as const),
    },
    ...{ paths: fc.integer({ min: 1, max: 4 }), maxBlocks: fc.integer({ min: 0, max: 3 }), seed: fc.nat(1e6) },
    ...{ response: fc.integer({ min: 180, max: 400 }), path: fc.option(fc.integer({ min: 20, max: 60 }), { nil: undefined }) },
  })

  it('keeps budgets, blocks and context parity, and gets alone what it gets in a batch', async () => {
    let blocks = 0
    await fc.assert(
      fc.asyncProperty(setting, async ({ kind: tokenizer, response, path, ...each }) => {
        const asked = request(tokenizer, { ...each, budgets: { response, path } })
        const { thought, toy } = await think(tokenizer, scribble(tokenizer), asked)
        blocks += thought.blocks.length
        const limits = resolveLimits(asked, toy.config)
        expect(thought.totalTokens).toBe(responseIds(thought.trajectory).length)
        expect(thought.totalTokens).toBeLessThanOrEqual(response)
        expect(thought.criticalPathTokens).toBeLessThanOrEqual(limits.criticalPath)
        expect(thought.blocks.length).toBeLessThanOrEqual(Math.min(each.maxBlocks, mostBlocks(limits)))
        for (const { paths } of thought.blocks) {
          expect(paths).toHaveLength(each.paths)
          for (const length of paths) expect(length).toBeLessThanOrEqual(limits.path)
        }
        const text = thought.ids.map(tagTextOf(tokenizer).piece).join('')
        const { violations } = parseThinking(text, { minPaths: 1 })
        expect(
          violations.filter(({ rule }) => rule === 'nested-block' || rule === 'block-in-summary' || rule.startsWith('unclosed')),
        ).toEqual([])
        expect(text.split(TAGS.parallel).length - 1).toBe(thought.blocks.length)
        expectParity(thought, toy, each.attention, each.seed)

        const crowd = new Scheduler(new ToyModel(scribble(tokenizer), { vocabSize: tokenizer.vocabSize }).model, { maxStepTokens: 16 })
        const others = [1, 2, 3].map((n) => crowd.think({ ...asked, seed: each.seed + n }))
        expect(await crowd.think(asked)).toEqual(thought)
        await Promise.all(others)
        await crowd.close()
      }),
      { numRuns: inProofs ? 200 : 10 },
    )
    expect(blocks).toBeGreaterThan(2)
  })
})
