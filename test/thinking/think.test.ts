import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/engine/errors.ts'
import { resolveLimits } from '../../src/thinking/budget.ts'
import { Scheduler } from '../../src/thinking/scheduler.ts'
import { TAG_TOKENS, tagIdsFrom } from '../../src/thinking/tags.ts'
import { spellingOf, tagTextOf } from '../../src/thinking/text-tags.ts'
import { opensThinking, THINK_EXIT, thinksAtEnd } from '../../src/thinking/think.ts'
import type { ThinkRequest, Thought } from '../../src/thinking/types.ts'
import { byteLevel } from '../tags/tokenizers.ts'
import { expectParity } from './context-parity.ts'
import { hash, type Script, ToyModel } from './toy-model.ts'

const tokenizer = byteLevel().withAddedTokens(TAG_TOKENS)
const tags = tagIdsFrom(tokenizer, [0])
const exit = tokenizer.encode(THINK_EXIT)
const { piece } = spellingOf(tokenizer)

function request(tokens: number, overrides: Partial<ThinkRequest> = {}, open = true): ThinkRequest {
  return {
    ...{ promptIds: tokenizer.encode('q<think>\n'), mode: 'parallel', attention: 'structured', tags, paths: 2, maxBlocks: 2 },
    ...{ budgets: { response: 400, answerReserve: 20 }, temperature: 1, seed: 3, thinking: { tokens, open, exit, piece } },
    ...overrides,
  }
}

async function think(script: Script, asked: ThinkRequest): Promise<{ text: string; thought: Thought; toy: ToyModel }> {
  const toy = new ToyModel(script, { vocabSize: tokenizer.vocabSize })
  const scheduler = new Scheduler(toy.model, { maxStepTokens: 32 })
  const thought = await scheduler.think(asked)
  await scheduler.close()
  return { text: tokenizer.decode(thought.ids), thought, toy }
}

/** Free text says this, then ends; paths and summaries never end by themselves. */
function says(text: string): Script {
  const ids = tokenizer.encode(text)
  let at = 0
  return (_, { stream, exclude }) => (stream > 0 || exclude?.includes(0) ? tokenizer.idOf('y')! : (ids[at++] ?? 0))
}

describe('a budget of the thinking', () => {
  it('ends what the prompt began: the decoder writes it, no token of it carries loss, and the answer follows', async () => {
    for (const attention of ['structured', 'causal'] as const) {
      const { text, thought, toy } = await think(says('xxxxx19'), request(5, { attention }))
      expect(text).toBe(`xxxxx${THINK_EXIT}19`)
      const [only] = thought.trajectory.segments
      if (only.kind !== 'text') throw new Error('no text')
      expect(only.tokens.sampled).toEqual([...Array(5).fill(true), ...exit.map(() => false), true, true, true])
      expectParity(thought, toy, attention, 3)
    }
  })

  it('ends what the response began, in plain decoding too, and at once where it is 0', async () => {
    const begun = says('a<think>xxxxxxxx1')
    expect((await think(begun, request(12, { mode: 'sequential' }, false))).text).toBe(`a<think>xxxxx${THINK_EXIT}xxx1`)
    expect((await think(says('1'), request(0))).text).toBe(`${THINK_EXIT}1`)
  })

  it('leaves thinking alone that ends by itself or never begins', async () => {
    expect((await think(says('xx</think>yyyyyyyyyy'), request(11))).text).toBe('xx</think>yyyyyyyyyy')
    expect((await think(says('yyyyyyyyyy'), request(3, {}, false))).text).toBe('yyyyyyyyyy')
  })

  it('bounds the blocks inside it, and keeps the reserve of the answer where the budget is larger than the response', async () => {
    for (const tokens of [60, 100, 1e6]) {
      const { text, thought } = await think(says('x<Parallel>xx<Parallel>xxxxxxxxx7'), request(tokens))
      const [thinking, answer] = text.split(THINK_EXIT)
      expect(thought.blocks.length).toBeGreaterThan(0)
      const most = Math.min(tokens, 400 - exit.length - 20)
      if (answer === undefined) expect(thought.totalTokens).toBeLessThanOrEqual(most + 1)
      else expect(tokenizer.encode(thinking).length).toBeLessThanOrEqual(most)
      expect(text.endsWith('7')).toBe(true)
    }
  })

  it('holds for any text, with tags and thinking in any order', async () => {
    const words = ['<think>', '</think>', '<Parallel>', 'x', 'xx', '7']
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...words), { maxLength: 60 }), fc.nat(200), fc.boolean(), async (said, tokens, open) => {
        const asked = request(tokens, { budgets: { response: 250, answerReserve: 20, criticalPath: 200 } }, open)
        const { thought, toy } = await think(says(said.join('')), asked)
        expect(thought.totalTokens).toBeLessThanOrEqual(250)
        expect(thought.criticalPathTokens).toBeLessThanOrEqual(200)
        expectParity(thought, toy, 'structured', 3)
      }),
      { numRuns: 30 },
    )
  })

  it('takes 32,000 tokens, and is refused where no answer would fit', () => {
    const model = { ...new ToyModel(() => 0, { maxPositions: 40_960 }).config, vocabSize: tokenizer.vocabSize }
    const limits = resolveLimits(request(32_000, { budgets: { response: 32_768 } }), model)
    expect(limits.thinking.total).toBe(32_000)
    expect(resolveLimits(request(40_000, { budgets: { response: 32_768 } }), model).thinking.total).toBe(32_768 - exit.length - 64)
    const short = request(10, { mode: 'sequential', budgets: { response: 40, answerReserve: 5 } })
    expect(() => resolveLimits(short, model)).toThrow(ConfigError)
    expect(() => resolveLimits(short, model)).toThrow(/thinkTokens needs room .* or more. Got a budget of 40/)
  })
})

describe('thinking in text', () => {
  it.each([
    ['q<think>', true],
    ['q<think>\n\n', true],
    ['q<think>\n\n</think>\n\n', false],
    ['what does <think> mean?', false],
  ])('a prompt that ends with %j', (tail, opens) => {
    expect(opensThinking(tail)).toBe(opens)
  })

  it.each([
    ['a', false, false],
    ['a', true, true],
    ['a</think>b', true, false],
    ['<think>a', false, true],
    ['<think>a</think>b', false, false],
    ['a</think>b<think>c', true, true],
  ])('%j, begun by the prompt: %s, ends inside its thinking: %s', (text, opened, ends) => {
    expect(thinksAtEnd(text, opened)).toBe(ends)
  })
})

it('a half-written tag before the end of the thinking does not go on behind it', async () => {
  const plain = byteLevel()
  const ids = plain.encode('<Par').concat(plain.encode('allel>x'))
  let at = 0
  const script: Script = (context, sampling) => ids[at++] ?? (hash(context.length, sampling.stream) % 2 === 0 ? 0 : plain.idOf('y')!)
  const thinking = { tokens: plain.encode('<Par').length, open: true, exit: plain.encode(THINK_EXIT), piece: spellingOf(plain).piece }
  const none = { parallel: -1, parallelEnd: -1, path: -1, pathEnd: -1, summary: -1, summaryEnd: -1, newline: [], eos: [0] }
  const toy = new ToyModel(script, { vocabSize: plain.vocabSize })
  const scheduler = new Scheduler(toy.model)
  const thought = await scheduler.think({ ...request(0), tags: none, tagText: tagTextOf(plain), thinking })
  await scheduler.close()
  expect(thought.blocks).toEqual([])
  expect(plain.decode(thought.ids)).toContain(`<Par${THINK_EXIT}allel>x`)
})
