import { describe, expect, it } from 'vitest'
import { type HeardToken, ReadingOrder } from '../../src/thinking/reading-order.ts'
import { tagTextOf } from '../../src/thinking/text-tags.ts'
import { localThinker } from '../../src/thinking/thinker.ts'
import { emptyRun, pushSampled, runsOf, takeLast } from '../../src/thinking/trajectory.ts'
import type { ThinkRequest, Thought } from '../../src/thinking/types.ts'
import { byteLevel } from '../tags/tokenizers.ts'
import { randomScript, scribble, TOY_TAGS, ToyModel } from './toy-model.ts'

const script = randomScript({ parallel: 0.15, eos: 0.02, pathEnd: 0.1, summaryEnd: 0.15, stray: 0 })

const request = (seed: number, more: Partial<ThinkRequest> = {}): ThinkRequest => ({
  ...{ promptIds: [9, 10, 11], mode: 'parallel', attention: 'structured', tags: TOY_TAGS },
  ...{ paths: 3, maxBlocks: 3, budgets: { response: 120, answerReserve: 8 }, temperature: 1, seed },
  ...more,
})

async function listened(toy: ToyModel, requests: readonly ThinkRequest[]): Promise<{ thought: Thought; heard: HeardToken[] }[]> {
  const thinker = localThinker(toy.model, { maxStepTokens: 32 })
  const results = await Promise.all(
    requests.map(async (one) => {
      const heard: HeardToken[] = []
      return { heard, thought: await thinker.think(one, undefined, (token) => heard.push(token)) }
    }),
  )
  await thinker.close()
  return results
}

/** The tokens of a thought as they are to be heard. */
const tokensOf = ({ trajectory, ids }: Thought): HeardToken[] =>
  runsOf(trajectory)
    .flatMap(({ ids, logprobs, sampled }) => ids.map((id, k) => ({ id, logprob: logprobs[k], sampled: sampled[k] })))
    .slice(0, ids.length)

describe('who listens', () => {
  it.each([
    ['structured', {}],
    ['causal', { attention: 'causal' }],
    ['sequential', { mode: 'sequential' }],
    ['guessing ahead', { speculate: 4 }],
  ] as [string, Partial<ThinkRequest>][])('hears every token once, in reading order, and changes none: %s', async (_, more) => {
    const requests = Array.from({ length: 20 }, (_, seed) => request(seed, more))
    const results = await listened(new ToyModel(script, { drafts: true }), requests)
    const alone = localThinker(new ToyModel(script, { drafts: true }).model)
    for (const [k, { thought, heard }] of results.entries()) {
      expect(heard).toEqual(tokensOf(thought))
      expect((await alone.think(requests[k])).ids).toEqual(thought.ids)
    }
    const blocks = results.reduce((sum, { thought }) => sum + thought.blocks.length, 0)
    if (more.mode === 'sequential') expect(results.every(({ thought }) => thought.finishReason === 'stop')).toBe(true)
    else expect(blocks).toBeGreaterThan(10)
    await alone.close()
  })

  it('hears the same where tags are text, whose tokens say more than a tag', async () => {
    const tokenizer = byteLevel()
    const none = { parallel: -1, parallelEnd: -1, path: -1, pathEnd: -1, summary: -1, summaryEnd: -1, newline: [], eos: [0] }
    const toy = new ToyModel(scribble(tokenizer), { vocabSize: tokenizer.vocabSize })
    const asked = Array.from({ length: 12 }, (_, seed) =>
      request(seed, { promptIds: tokenizer.encode('ab'), tags: none, tagText: tagTextOf(tokenizer), budgets: { response: 400 } }),
    )
    const results = await listened(toy, asked)
    for (const { thought, heard } of results) expect(heard).toEqual(tokensOf(thought))
    expect(results.reduce((sum, { thought }) => sum + thought.blocks.length, 0)).toBeGreaterThan(2)
  })

  it('hears the first path while it is written, and the others when those before them have ended', () => {
    const heard: number[] = []
    const order = new ReadingOrder(({ id }) => heard.push(id), new Set([99]))
    const [text, open, one, two] = [emptyRun(), emptyRun(), emptyRun(), emptyRun()]
    order.begin(text)
    for (const id of [1, 2, 3]) pushSampled(text, id, 0, -1)
    order.tell()
    const moved = takeLast(text, 2)
    order.end(text)
    for (const id of moved.ids) pushSampled(open, id, 0, -1)
    pushSampled(open, 4, 0, -1)
    order.begin(open)
    order.end(open)
    order.begin(one)
    order.begin(two)
    pushSampled(two, 20, 0, -1)
    pushSampled(one, 10, 0, -1)
    order.tell()
    expect(heard).toEqual([1, 2, 3, 4, 10])
    order.end(two)
    expect(heard).toEqual([1, 2, 3, 4, 10])
    pushSampled(one, 99, 0, -1)
    order.end(one)
    expect(heard).toEqual([1, 2, 3, 4, 10, 20])
  })
})
