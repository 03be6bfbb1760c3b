import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TemplateInputs } from '../../src/engine/checkpoint/chat-template.ts'
import { saveCheckpoint } from '../../src/engine/checkpoint/folder.ts'
import { randomWeights } from '../../src/engine/checkpoint/init.ts'
import { Tokenizer } from '../../src/engine/checkpoint/tokenizer.ts'
import type { ModelConfig, RopeConfig } from '../../src/engine/model-config.ts'
import type { PromptEdges } from '../../src/engine/prompt-edges.ts'
import type { ParameterSpec } from '../../src/engine/spec.ts'
import { tagIdsFrom } from '../../src/thinking/tags.ts'
import type { AttentionMode } from '../../src/thinking/types.ts'

const tokenizerFolder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../suites/countdown/tokenizer')

export interface TinyOptions {
  seed?: number
  attention?: AttentionMode
  chatTemplate?: string
  /** How the prompts of its training began and ended. */
  prompts?: PromptEdges
  /** What the template was told in its training. */
  template?: TemplateInputs
  /** Default 512. */
  maxPositions?: number
  rope?: RopeConfig
  /** It likes no end. */
  endless?: boolean
  /** False: the tokenizer has no tags and there is no parallel_r1.json, as in any model from elsewhere. */
  tagged?: boolean
}

function withoutTags(): Tokenizer {
  const json = JSON.parse(readFileSync(path.join(tokenizerFolder, 'tokenizer.json'), 'utf8'))
  const isTag = (content: string) => /^<\/?(Parallel|Path|Summary)>$/.test(content)
  json.added_tokens = json.added_tokens.filter((token: { content: string }) => !isTag(token.content))
  json.model.vocab = Object.fromEntries(Object.entries(json.model.vocab).filter(([token]) => !isTag(token)))
  return Tokenizer.fromJson(json)
}

/**
 * A random qwen3 model of two layers that likes to open and close blocks: every embedding has a large first component,
 * and the output rows of the tags look at it.
 */
export async function writeTinyCheckpoint(
  folder: string,
  {
    seed = 1,
    attention = 'structured',
    chatTemplate,
    prompts,
    template,
    maxPositions = 512,
    rope = { theta: 10000 },
    endless = false,
    tagged = true,
  }: TinyOptions = {},
): Promise<void> {
  const tokenizer = Tokenizer.load(tokenizerFolder)
  const eos = tokenizer.idOf('<|endoftext|>')!
  const tags = tagIdsFrom(tokenizer, [eos])
  const config: ModelConfig = {
    family: 'qwen3',
    vocabSize: tokenizer.vocabSize,
    hiddenSize: 32,
    layers: 2,
    heads: 4,
    kvHeads: 2,
    headDim: 8,
    intermediateSize: 64,
    rmsNormEps: 1e-6,
    rope,
    tiedEmbeddings: false,
    maxPositions,
  }
  // exp(first component · √32) times as likely as another token.
  const liking = new Map([
    [tags.parallel, 0.7],
    [tags.pathEnd, 0.7],
    [tags.summaryEnd, 0.7],
    [eos, endless ? -9 : 0.5],
  ])
  const random = randomWeights(seed)
  const weights = (spec: ParameterSpec): Float32Array => {
    const data = random(spec)
    const rows = spec.name === 'model.embed_tokens.weight' || spec.name === 'lm_head.weight' ? config.vocabSize : 0
    for (let row = 0; row < rows; row++) data[row * config.hiddenSize] = spec.name === 'lm_head.weight' ? (liking.get(row) ?? 0) : 1
    // Larger than usual, so that the context matters.
    if (spec.name.includes('_proj')) for (let i = 0; i < data.length; i++) data[i] *= 10
    return data
  }
  await saveCheckpoint(folder, {
    config,
    weights,
    dtype: 'float32',
    tokenizer: tagged ? tokenizer : withoutTags(),
    chatTemplate,
    generation: { eosTokenIds: [eos] },
    parallel: !tagged ? undefined : { attention, tags, budgets: { response: 120, path: 20 }, paths: 3, maxBlocks: 2, prompts, template },
  })
}
