/** Runs that train adapters beside a frozen checkpoint. */

import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openCheckpoint, saveCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { randomWeights } from '../../../src/engine/checkpoint/init.ts'
import { openSafetensorsFile } from '../../../src/engine/checkpoint/safetensors.ts'
import { Tokenizer } from '../../../src/engine/checkpoint/tokenizer.ts'
import type { ModelConfig } from '../../../src/engine/model-config.ts'
import { openEngine } from '../../../src/engine/open.ts'
import { TAG_TOKENS } from '../../../src/thinking/tags.ts'
import { Processes } from '../../cluster/processes.ts'
import { once } from '../../once.ts'
import { fixture, folderWithSuites, metrics, newFolder, type RunOptions, run, states, wholeRun } from '../runs.ts'

const tokenizer = Tokenizer.load(fixture('tokenizer'))
const config: ModelConfig = {
  ...{ family: 'qwen3', vocabSize: tokenizer.vocabSize, hiddenSize: 16, layers: 2, heads: 2, kvHeads: 1, headDim: 8, intermediateSize: 32 },
  ...{ rmsNormEps: 1e-6, rope: { theta: 10000 }, tiedEmbeddings: true, maxPositions: 128 },
}

/** A checkpoint without the tags. */
async function saveBase(folder: string, more: Partial<ModelConfig> = {}, seed = 3): Promise<string> {
  const sizes = { ...config, ...more }
  const weights = randomWeights(seed, sizes, 0.1)
  await saveCheckpoint(folder, { config: sizes, weights, dtype: 'float32', tokenizer, generation: { eosTokenIds: [0] } })
  return folder
}

const before = process.env.PR1_TEST_BASE
afterAll(() => {
  if (before === undefined) delete process.env.PR1_TEST_BASE
  else process.env.PR1_TEST_BASE = before
})

/** The base, a run beside it that nothing interrupted, and the suites of the full run. */
let home: string
let full: string
const base = () => path.join(home, 'model')
const whole = () => path.join(home, 'run')

beforeAll(async () => {
  full = (await wholeRun()).whole
  home = await once('train-lora', async (folder) => {
    process.env.PR1_TEST_BASE = await saveBase(path.join(folder, 'model'))
    cpSync(path.join(full, 'suites'), path.join(folder, 'run', 'suites'), { recursive: true })
    await run(path.join(folder, 'run'), { file: 'lora.yaml' })
  })
  process.env.PR1_TEST_BASE = base()
})

const lora = (folder: string, options: RunOptions = {}) => run(folder, { file: 'lora.yaml', ...options })

function results(folder: string): Record<string, unknown> {
  const bytes = (...name: string[]) => readFileSync(path.join(folder, ...name)).toString('base64')
  const newest = states(folder).at(-1)!
  return {
    metrics: metrics(folder),
    base: bytes('base', 'adapter_model.safetensors'),
    final: bytes('final', 'adapter_model.safetensors'),
    state: bytes('checkpoints', newest, 'adapter_model.safetensors'),
    moments: bytes('checkpoints', newest, 'trainer', 'moments.safetensors'),
  }
}

async function tensorsOf(file: string): Promise<string[]> {
  const source = await openSafetensorsFile(file)
  const names = [...source.tensors.keys()]
  await source.close()
  return names
}

describe('a run that trains adapters', () => {
  it('learns, and sampling and training agree bit for bit', () => {
    const steps = metrics(whole())
    expect(steps).toHaveLength(8)
    expect(steps[4].loss as number).toBeLessThan((steps[0].loss as number) - 0.1)
    for (const step of steps.slice(5)) expect(step).toMatchObject({ gap: { mean: 0, max: 0 }, skipped: 0 })
    expect(Math.max(...steps.slice(5).map((step) => step.informative as number))).toBeGreaterThan(0)
  })

  it('says before step 0 what trains and what stays', async () => {
    const { text } = await lora(folderWithSuites(full), { dryRun: true })
    // Two layers of rank 4: 4 (16 + 16) for q, 4 (16 + 8) for k and v, 4 (16 + 16) for o, 4 (16 + 32) for gate, up and down. Six rows of 16.
    const numbers = 2 * 4 * (32 + 24 + 24 + 32 + 48 * 3) + 6 * 16
    expect(text).toContain(`Parameters: ${numbers.toLocaleString('en')} of adapters train, beside`)
    expect(text).toMatch(/frozen weights +\d/)
    expect(text).toMatch(/adapters +\d/)
    expect(text).toContain('Weights: f32')
    const gradients = Number(/gradients +([\d.]+) KiB/.exec(text)![1])
    expect(gradients * 1024).toBeLessThan(4 * numbers * 1.5)
  })

  it('writes the adapter alone, which opens with its base as it was trained', async () => {
    const folder = path.join(whole(), 'final')
    expect(readdirSync(folder)).not.toContain('model.safetensors')
    const json = JSON.parse(readFileSync(path.join(folder, 'adapter_config.json'), 'utf8'))
    expect(json).toMatchObject({ peft_type: 'LORA', r: 4, lora_alpha: 8, base_model_name_or_path: base() })
    expect(json.trainable_token_indices).toEqual(TAG_TOKENS.map((_, i) => tokenizer.vocabSize + i))
    const opened = await openCheckpoint(folder)
    expect(opened.parallel).toMatchObject({ provenance: { base: await (await openCheckpoint(base())).identity.hash(), stage: 'rl' } })
    expect(opened.adapters?.parts).toHaveLength(14)
    expect(opened.config.vocabSize).toBe(tokenizer.vocabSize + 6)
    // States hold what trains and no more.
    const state = path.join(whole(), 'checkpoints', states(whole()).at(-1)!)
    expect(existsSync(path.join(state, 'model.safetensors'))).toBe(false)
    const moments = await tensorsOf(path.join(state, 'trainer', 'moments.safetensors'))
    expect(moments).toHaveLength(2 * 29)
    expect(moments.every((name) => /lora_[AB]|trainable_tokens/.test(name))).toBe(true)
  })

  it('begins new tags at the mean of their pieces', async () => {
    const folder = folderWithSuites(full)
    await lora(folder, { sets: ['stages.base.lr=1e-12', 'stages.rl.lr=1e-12', 'stages.base.steps=1', 'stages.rl.steps=1'] })
    const engine = await openEngine({ device: 'cpu', precision: 'f32', threads: 1 })
    const model = await engine.load(await openCheckpoint(path.join(folder, 'final')))
    const rows = model.read('model.embed_tokens.trainable_tokens')
    const table = randomWeights(3, config, 0.1)({ name: 'model.embed_tokens.weight', shape: [config.vocabSize, 16], initial: 'normal' })
    for (const [k, tag] of TAG_TOKENS.entries()) {
      const pieces = tokenizer.encode(tag)
      for (let c = 0; c < 16; c++) {
        const mean = pieces.reduce((sum, piece) => sum + table[piece * 16 + c], 0) / pieces.length
        expect(rows[k * 16 + c]).toBeCloseTo(mean, 6)
      }
    }
    await engine.dispose()
  })

  it('keeps near a reference of adapters alone, and goes on with it', async () => {
    const sets = ['kl=0.5', 'referenceEvery=2', 'referenceMix=0.5', 'entropyBonus=0.1', 'loss=gspo'].map((set) => `stages.rl.${set}`)
    const [straight, stopped] = [folderWithSuites(full), folderWithSuites(full)]
    const { text } = await lora(straight, { sets })
    expect(text).toMatch(/reference +\d.* KiB/)
    const kl = metrics(straight).map((step) => step.kl)
    expect([kl[5], (kl[6] as number) > 0]).toEqual([0, true])
    expect((await lora(stopped, { sets, stopAfter: 7 })).outcome).toBe('interrupted')
    const saved = await tensorsOf(path.join(stopped, 'checkpoints', states(stopped).at(-1)!, 'trainer', 'reference.safetensors'))
    expect(saved).toHaveLength(29)
    expect(saved.every((name) => /lora_[AB]|trainable_tokens/.test(name))).toBe(true)
    await lora(stopped, { sets })
    expect(results(stopped)).toEqual(results(straight))
  })

  it('goes on bit for bit where it was interrupted, and refuses another base or another kind of run', async () => {
    const folder = folderWithSuites(full)
    for (const stopAfter of [3, 3]) expect((await lora(folder, { stopAfter })).outcome).toBe('interrupted')
    process.env.PR1_TEST_BASE = await saveBase(path.join(newFolder(), 'other'), {}, 4)
    await expect(lora(folder)).rejects.toThrow(/not the one that the run began with.*Name that one as base/)
    // It may have moved.
    const moved = path.join(newFolder(), 'moved')
    cpSync(base(), moved, { recursive: true })
    process.env.PR1_TEST_BASE = moved
    expect((await lora(folder)).outcome).toBe('finished')
    process.env.PR1_TEST_BASE = base()
    expect(results(folder)).toEqual(results(whole()))
    await expect(lora(folder, { sets: ['model.lora=null'], allowChange: ['rank', 'alpha'] })).rejects.toThrow(/trains adapters.*no "lora"/)
    await expect(lora(folder, { sets: ['model.lora.rank=5'] })).rejects.toThrow(/model\.lora\.rank +was 4, is 5\n/)
  })

  it('trains one stage from the adapter of the one before it, and an adapter trains on', async () => {
    const folder = folderWithSuites(full, 'only-rl')
    cpSync(path.join(whole(), 'base'), path.join(folder, 'base'), { recursive: true })
    await lora(folder, { stage: 'rl', sets: ['stages.rl.steps=1'] })
    expect(metrics(path.join(folder, 'only-rl'))[0]).toMatchObject({ stage: 'rl', reward: metrics(whole())[5].reward })
    process.env.PR1_TEST_BASE = path.join(whole(), 'base')
    const on = folderWithSuites(full)
    const sets = ['model.lora.rank=null', 'model.lora.alpha=null', 'stages.base.steps=1', 'stages.rl.steps=1']
    await lora(on, { sets })
    expect(metrics(on)[0].loss as number).toBeLessThan(metrics(whole())[2].loss as number)
    expect(JSON.parse(readFileSync(path.join(on, 'final', 'adapter_config.json'), 'utf8'))).toMatchObject({
      r: 4,
      base_model_name_or_path: base(),
    })
    await expect(lora(folderWithSuites(full), { sets: ['model.lora.rank=5', 'model.lora.alpha=null'] })).rejects.toThrow(
      /trains on as it is. Got rank: 5.*rank 4/,
    )
    process.env.PR1_TEST_BASE = base()
  })

  it.each<[string, string[], RegExp]>([
    ['a layer that is not there', ['model.lora.targets=["q_proj","w1"]'], /q_proj, k_proj, .*Got "w1"/],
    ['no rows for tags that are new', ['model.lora.tokens=none'], /lacks the tags <Parallel>.*npx pr1-tags/],
    [
      'a model without a checkpoint',
      ['model.checkpoint=null', 'model.init={"tokenizer":"./tokenizer","architecture":{}}'],
      /Got it beside "init"/,
    ],
    ['tfjs', ['device=tfjs'], /Adapters beside frozen weights are available on device: cpu only. Got device: tfjs/],
  ])('refuses %s', async (_, sets, message) => {
    await expect(lora(folderWithSuites(full), { sets })).rejects.toThrow(message)
  })

  it('refuses new tags where the head has rows of its own', async () => {
    process.env.PR1_TEST_BASE = await saveBase(path.join(newFolder(), 'untied'), { tiedEmbeddings: false })
    await expect(lora(folderWithSuites(full))).rejects.toThrow(/a head of its own.*npx pr1-tags/)
    process.env.PR1_TEST_BASE = base()
  })
})

it('trains on workers, each with the base of its own machine, to the same bits', async () => {
  const folder = folderWithSuites(full)
  const { text } = await lora(folder, { sets: ['ray={workers: 2}'], placeWorkers: async () => new Processes() })
  expect(results(folder)).toEqual(results(whole()))
  expect(text).toMatch(/2 workers on 1 machine/)
}, 120_000)
