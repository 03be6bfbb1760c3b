/** Adapters go from PEFT to this package and back, and stay the same model. */

import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { baseMark } from '../../../src/engine/adapters/base-mark.ts'
import { merged } from '../../../src/engine/adapters/merge.ts'
import { saveAdapters } from '../../../src/engine/adapters/write.ts'
import { openCheckpoint, saveCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { Tokenizer } from '../../../src/engine/checkpoint/tokenizer.ts'
import type { AdapterPart, Adapters } from '../../../src/engine/types.ts'
import { byteTokenizerJson, tags, temporaryFolder, tinyConfig, tinyContent } from '../checkpoint/build.ts'
import { adapted, adapterFolder, expected, farthest, logprobsOf, modelFolder } from './fixtures.ts'

/** float32 in another order of sums. */
const close = 1e-4

describe('an adapter that PEFT wrote', () => {
  it.each(Object.keys(expected))('%s: log-probabilities of PEFT, merged and beside the frozen weights', async (name) => {
    const { base, ids, logprobs, without } = expected[name]
    expect(farthest(logprobs, without)).toBeGreaterThan(1)
    const checkpoint = await adapted(modelFolder(base), adapterFolder(name))
    expect(farthest(await logprobsOf(merged(checkpoint), ids), logprobs)).toBeLessThan(close)
    expect(farthest(await logprobsOf(checkpoint, ids), logprobs)).toBeLessThan(close)
  })

  it('says which layers, ranks and scales it has', async () => {
    const { adapters, warnings } = await adapted(modelFolder('gemma3'), adapterFolder('gemma3-patterns'))
    const of = (weight: string) => adapters!.parts.find((part) => part.weight === weight)
    expect(of('model.layers.1.self_attn.q_proj.weight')).toMatchObject({ rank: 1, scale: 3 })
    expect(of('model.layers.2.self_attn.q_proj.weight')).toMatchObject({ rank: 2, scale: 3 / Math.SQRT2 })
    expect(of('model.layers.2.self_attn.v_proj.weight')).toMatchObject({ rank: 2, scale: 5 / Math.SQRT2 })
    expect(of('model.layers.5.mlp.down_proj.weight')).toMatchObject({ rank: 3, scale: 1.5 / Math.sqrt(3) })
    expect(of('model.layers.2.self_attn.k_proj.weight')).toBeUndefined()
    expect(adapters!.tokens).toEqual([3, 17, 40])
    expect(warnings).toEqual([])
  })

  it('warns where two patterns match a layer, and takes the first of the file', async () => {
    const { adapters, warnings } = await adapted(modelFolder('mistral'), adapterFolder('mistral-overlap'))
    expect(adapters!.parts[0]).toEqual({ weight: 'model.layers.0.self_attn.q_proj.weight', rank: 2, scale: 2 })
    expect(warnings).toEqual([
      expect.stringMatching(
        /alpha_pattern: "\.\*q_proj" and .* both match model\.layers\.0\.self_attn\.q_proj, and the first counts, as in PEFT\./,
      ),
    ])
  })
})

/** Numbers that follow from a name. */
function numbers(name: string, count: number): Float32Array {
  const seed = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 65521, 7)
  return Float32Array.from({ length: count }, (_, i) => Math.sin(seed + i * 1.7) * 0.4)
}

/** Adapters in every form that the writer has: one value for all, by kind, by layer; rows of tokens. */
async function write(base: string, folder: string, adapters: Adapters, rankStabilized: boolean): Promise<void> {
  const checkpoint = await openCheckpoint(modelFolder(base))
  const { config, generation } = checkpoint
  await saveAdapters(folder, {
    ...{ config, generation, adapters, rankStabilized, base: modelFolder(base), baseMark: await baseMark(checkpoint) },
    weights: ({ name, shape }) => numbers(name, shape[0] * shape[1]),
  })
}

const part = (layer: string, rank: number, alpha: number): AdapterPart => ({
  weight: `model.layers.${layer}.weight`,
  rank,
  scale: alpha / rank,
})

const written: Record<string, { base: string; adapters: Adapters; rankStabilized?: boolean }> = {
  'one rank': {
    base: 'mistral',
    adapters: { parts: ['0', '1'].flatMap((n) => [part(`${n}.mlp.up_proj`, 2, 4), part(`${n}.self_attn.o_proj`, 2, 4)]) },
  },
  'by kind and by layer': {
    base: 'mistral',
    adapters: {
      parts: [
        ...[
          part('0.self_attn.q_proj', 2, 4),
          part('1.self_attn.q_proj', 2, 4),
          part('0.mlp.gate_proj', 3, 1),
          part('1.mlp.gate_proj', 3, 1),
        ],
        ...[part('0.mlp.down_proj', 1, 4), part('1.mlp.down_proj', 2, 5), part('1.self_attn.v_proj', 2, 4)],
      ],
    },
  },
  'rank-stabilised, with rows of a tied embedding': {
    base: 'gemma3',
    rankStabilized: true,
    adapters: {
      parts: [0, 1, 2, 3, 4, 5].map((n) => ({ ...part(`${n}.mlp.up_proj`, 3, 3), scale: 6 / Math.sqrt(3) })),
      tokens: [5, 11, 47],
    },
  },
}

describe('an adapter that this package wrote', () => {
  it.each(Object.entries(written))('%s: is read again as it was', async (_, { base, adapters, rankStabilized = false }) => {
    const folder = path.join(temporaryFolder(), 'adapter')
    await write(base, folder, adapters, rankStabilized)
    const { adapters: found, warnings } = await adapted(modelFolder(base), folder)
    expect(warnings).toEqual([])
    const byName = (parts: readonly AdapterPart[]) => [...parts].sort((a, b) => (a.weight < b.weight ? -1 : 1))
    expect(byName(found!.parts)).toEqual(byName(adapters.parts))
    expect(found!.tokens).toEqual(adapters.tokens)
    const reader = await found!.weights!.open()
    for (const { name, shape } of found!.weights!.specs) expect(await reader.read(name)).toEqual(numbers(name, shape[0] * shape[1]))
    await reader.close()
  })

  const python = process.env.PR1_PYTHON ?? 'python3'
  const find = 'import importlib.util as u, sys; sys.exit(0 if all(map(u.find_spec, ["peft", "torch", "transformers"])) else 1)'
  const hasPeft = spawnSync(python, ['-c', find]).status === 0
  if (!hasPeft)
    console.warn(
      `skipped: PEFT loads no adapter of ours here. ${python} has no peft, torch and transformers; PR1_PYTHON names one that has`,
    )

  it.skipIf(!hasPeft)('has the log-probabilities in PEFT that it has here', async () => {
    const made = Object.values(written).map(async ({ base, adapters, rankStabilized = false }) => {
      const folder = path.join(temporaryFolder(), 'adapter')
      await write(base, folder, adapters, rankStabilized)
      return { folder, ids: expected['mistral-all'].ids, base: modelFolder(base) }
    })
    const cases = await Promise.all([...made, withNewTokens()])
    const script = `
import json, sys, torch
from peft import AutoPeftModelForCausalLM
result = []
for case in json.loads(sys.argv[1]):
    model = AutoPeftModelForCausalLM.from_pretrained(case["folder"], dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        logits = model(torch.tensor([case["ids"]])).logits[0].log_softmax(-1)
    result.append([logits[i, case["ids"][i + 1]].item() for i in range(len(case["ids"]) - 1)])
print(json.dumps(result))`
    const { stdout, stderr } = spawnSync(python, ['-W', 'ignore', '-c', script, JSON.stringify(cases)], { encoding: 'utf8' })
    expect(stdout, stderr).not.toBe('')
    for (const [i, theirs] of (JSON.parse(stdout.trim().split('\n').at(-1)!) as number[][]).entries()) {
      const { folder, ids, base } = cases[i]
      const checkpoint = await openCheckpoint(folder)
      expect(farthest(await logprobsOf(checkpoint, ids), theirs)).toBeLessThan(close)
      expect(farthest(await logprobsOf(merged(checkpoint), ids), theirs)).toBeLessThan(close)
      const below = await openCheckpoint(base)
      if (ids.every((id) => id < below.config.vocabSize)) expect(farthest(await logprobsOf(below, ids), theirs)).toBeGreaterThan(0.1)
    }
  })
})

/** An adapter with a tokenizer of more tokens than its base has rows for: PEFT makes room for them, and the adapter brings the rows. */
async function withNewTokens(): Promise<{ folder: string; ids: number[]; base: string }> {
  const [base, folder] = ['base', 'adapter'].map((name) => path.join(temporaryFolder(), name))
  const plain = Tokenizer.fromJson(byteTokenizerJson(), { eos_token: '<|end|>', tokenizer_class: 'PreTrainedTokenizerFast' })
  const tokenizer = plain.withAddedTokens(tags)
  const { generation } = tinyContent()
  const config = { ...tinyConfig, vocabSize: plain.vocabSize }
  await saveCheckpoint(base, tinyContent(1, { config, tokenizer: plain, parallel: undefined }))
  await saveAdapters(folder, {
    ...{ config: { ...config, vocabSize: tokenizer.vocabSize }, tokenizer, generation, base },
    adapters: { parts: [part('1.self_attn.q_proj', 2, 6)], tokens: tags.map((tag) => tokenizer.idOf(tag)!) },
    weights: ({ name, shape }) => numbers(name, shape[0] * shape[1]),
  })
  return { folder, base, ids: tokenizer.encode('the 12 <Parallel> <Path> a </Path> the </Parallel> <Summary> 12 </Summary>') }
}
