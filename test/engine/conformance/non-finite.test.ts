import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ConfigError, NonFiniteError } from '../../../src/engine/errors.ts'
import type { Engine, Model, Sampling, StepOutput } from '../../../src/engine/types.ts'
import { philox } from '../../../src/random.ts'
import { batchOf, candidates, expectSameBits, lively, precisions, tiny } from './engines.ts'

const { vocabSize, hiddenSize } = tiny
const layerNorm = 'model.layers.1.input_layernorm.weight'

/** A prompt each; one sequence a step input. */
function feed(model: Model, prompts: number[][], sampling: Partial<Sampling> = {}): Promise<StepOutput[]> {
  return model.step(
    prompts.map((ids, seed) => ({
      sequence: model.create(),
      ids,
      positions: ids.map((_, i) => i),
      sampling: { temperature: 1, seed, stream: 0, ...sampling },
    })),
  )
}

/** The parameter as it was, with entries set. */
function change(model: Model, name: string, entries: [index: number, value: number][]): () => void {
  const before = model.read(name)
  const after = before.slice()
  for (const [index, value] of entries) after[index] = value
  model.write(name, after)
  return () => model.write(name, before)
}

/** Bit `bit` of a float32. */
function flip(value: number, bit: number): number {
  const word = new Uint32Array(new Float32Array([value]).buffer)
  word[0] ^= 1 << bit
  return new Float32Array(word.buffer)[0]
}

describe.each([...candidates, ...precisions])('logits that are not finite: $name', ({ open, slow, exact }) => {
  let engine: Engine
  let model: Model
  beforeAll(async () => {
    engine = await open()
    model = await engine.create(tiny, lively(3), { cacheTokens: 1 << 14 })
  })
  afterAll(() => engine.dispose())
  let undo = () => {}
  afterEach(() => undo())

  it.each([
    ['NaN', Number.NaN],
    ['infinite', Number.NEGATIVE_INFINITY],
    ['infinite above', Number.POSITIVE_INFINITY],
  ])('names checkpoint, layer and weight where a norm is %s, at decode and at scoring', async (_, value) => {
    undo = change(model, layerNorm, [[5, value]])
    const expected = new RegExp(
      `^The new model: the logits after .* are not finite\\. The first such numbers are in the output of layer 1 \\(of 2.*${value}, at 5 of ${layerNorm.replaceAll('.', '\\.')}\\.`,
    )
    const [one, two] = await feed(model, [[1, 2, 3], [4]])
    for (const output of [one, two]) {
      expect(output).toMatchObject({ id: -1, logprob: Number.NaN })
      expect(output.error).toBeInstanceOf(NonFiniteError)
      expect(output.error!.message).toMatch(expected)
    }
    expect(one.error!.message).toContain('after position 2 of sequence')
    for (const keep of [true, false]) await expect(model.forward(batchOf([4, 3]), { keep })).rejects.toThrow(expected)
    await expect(model.forward(batchOf([4, 3]))).rejects.toThrow(/after token 0 of sequence 0 of a batch/)
    undo()
    expect((await feed(model, [[1, 2, 3]]))[0].error).toBeUndefined()
  })

  it('fails one request and leaves the others as they are', async () => {
    const prompts = [[1, 2], [3, 7, 4], [5], [7]]
    const clean = await feed(model, prompts)
    const scored = await model.forward(batchOf([3, 3]), { keep: false })
    // Id 7 alone reads this row of the table.
    undo = change(model, 'model.embed_tokens.weight', [[7 * hiddenSize + 2, Number.NaN]])
    const outputs = await feed(model, prompts)
    for (const k of [0, 2]) expect(outputs[k]).toEqual(clean[k])
    for (const k of [1, 3]) {
      expect(outputs[k].error!.message).toMatch(
        /first such numbers are in the embedding\. Its weight farthest from 0 is NaN, at 170 of model\.embed_tokens/,
      )
    }
    const batch = batchOf([3, 3])
    batch.ids[4] = 7
    await expect(model.forward(batch)).rejects.toThrow(/after token [01] of sequence 1 of a batch .* the embedding/)
    await expect(model.backward(new Float32Array(6))).rejects.toThrow(/needs the activations of a forward|does not train/)
    if (exact) expectSameBits((await model.forward(batchOf([3, 3]), { keep: false })).logprobs, scored.logprobs, 'after the fault')
  })

  it('leaves nothing behind in the cache', async () => {
    const run = async (word: number): Promise<StepOutput[]> => {
      const sequences = [model.create(), model.create()]
      const outputs: StepOutput[] = []
      for (let position = 0; position < 40; position++) {
        const inputs = sequences.map((sequence, k) => ({
          sequence,
          ids: [position % 5 === 3 && k === 0 ? word : 9 + k],
          positions: [position],
          sampling: { temperature: 1, seed: k, stream: 0 },
        }))
        outputs.push(...(await model.step(inputs)))
      }
      for (const sequence of sequences) model.free(sequence)
      return outputs
    }
    const clean = await run(8)
    undo = change(model, 'model.embed_tokens.weight', [[7 * hiddenSize + 2, Number.NaN]])
    const mixed = await run(7)
    expect(mixed.filter(({ error }) => error)).toHaveLength(37)
    expect(mixed.filter((_, k) => k % 2 === 1)).toEqual(clean.filter((_, k) => k % 2 === 1))
    expect(await run(8)).toEqual(clean)
  })

  it('draws no excluded id from any logits', async () => {
    const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3e38, -3e38, 1e30, -1e30, 1e-40, 0]
    const random = (...counter: [number, number, number]) => philox([...counter, 0], [17, 0])[0]
    let drawn = 0
    let refused = 0
    for (let round = 0; round < (slow ? 10 : 25); round++) {
      const wild = random(round, 0, 0) % 3
      const undo = change(
        model,
        'lm_head.weight',
        Array.from({ length: vocabSize * hiddenSize }, (_, i): [number, number] => [i, 0])
          .filter((_, i) => wild > 0 && random(round, 1, i) % (wild === 1 ? 40 : 3) === 0)
          .map(([i]) => [i, values[random(round, 2, i) % values.length]]),
      )
      const allowed = random(round, 3, 0) % vocabSize
      const exclude = Array.from({ length: vocabSize }, (_, id) => id).filter((id) => id !== allowed && random(round, 4, id) % 4 > 0)
      for (const some of [{ temperature: 0 }, { temperature: 1e-30 }, { topK: 3 }, { topP: 0.5 }, { topK: 50, topP: 0.9 }, {}]) {
        for (const { id, logprob, error } of await feed(model, [[1, 2], [9]], { exclude, ...some })) {
          if (error) {
            refused++
            expect([id, logprob]).toEqual([-1, Number.NaN])
            continue
          }
          drawn++
          expect(id).toBeGreaterThanOrEqual(0)
          expect(id).toBeLessThan(vocabSize)
          expect(exclude).not.toContain(id)
          expect(logprob).toBeLessThan(1e-4)
        }
      }
      undo()
    }
    expect(drawn).toBeGreaterThan(10)
    expect(refused).toBeGreaterThan(20)
    await expect(feed(model, [[1]], { exclude: Array.from({ length: vocabSize }, (_, id) => id) })).rejects.toThrow(ConfigError)
  })

  it('a flipped bit in a norm gives numbers or a clear error', async () => {
    for (const name of [layerNorm, 'model.layers.0.self_attn.q_norm.weight', 'model.norm.weight']) {
      for (const bit of slow ? [30, 31] : [0, 12, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31]) {
        const undo = change(model, name, [[3, flip(model.read(name)[3], bit)]])
        const [output] = await feed(model, [[1, 2, 3]])
        if (output.error) expect(output.error.message).toMatch(/^The new model: .*not finite.*(layer \d|logits).*\d+ of model\./)
        else expect(Number.isFinite(output.logprob)).toBe(true)
        undo()
      }
    }
  })
})
