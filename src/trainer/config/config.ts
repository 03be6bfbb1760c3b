/**
 * `train.yaml` as a table (config/table.ts): every key once. The order of the keys is the order of the printed table and of
 * the hash in provenance. What several keys decide together is checked and filled in in parse-config.ts.
 */

import { z } from 'zod'
import { attentions, baseKey, engineKeys } from '../../config/engine-keys.ts'
import { rayKeys } from '../../config/ray-keys.ts'
import { choice, type Filled, flag, int, key, mapping, number, switched, text } from '../../config/table.ts'
import { familyNames } from '../../engine/families/names.ts'
import { optimizerStates, type Precision } from '../../engine/types.ts'
import { boardKeys } from '../boards/keys.ts'
import { bestKeys, type EvaluationConfig, evaluationKeys } from '../evaluation/keys.ts'
import { type GenerateKeys, generateKeys, learnKeys } from '../generate/keys.ts'
import { policyLosses } from '../losses/index.ts'
import type { AdvantageKind, Combination } from '../rewards/advantages.ts'
import { difficulty } from '../suite/difficulty.ts'
import type { ScheduleKind } from '../update/schedule.ts'

const schedules = ['cosine', 'linear', 'constant'] as const satisfies readonly ScheduleKind[]
const advantages = ['std', 'batch', 'mean'] as const satisfies readonly AdvantageKind[]
const combinations = ['sum_then_normalize', 'normalize_then_sum'] as const satisfies readonly Combination[]

const architecture = mapping({
  family: key(choice(familyNames).default('qwen3'), 'arithmetic of the layers, as transformers names it'),
  hiddenSize: key(int({ min: 1 }).default(256), 'width of the residual stream'),
  layers: key(int({ min: 1 }).default(4), 'number of layers'),
  heads: key(int({ min: 1 }).default(4), 'query heads a layer'),
  kvHeads: key(int({ min: 1 }).optional(), 'key and value heads a layer; divides `heads`', { absent: '`heads`' }),
  headDim: key(int({ min: 1 }).optional(), 'width of a head, even', { absent: '`hiddenSize` / `heads`' }),
  intermediateSize: key(int({ min: 1 }).optional(), 'width inside the MLP', { absent: '3 × `hiddenSize`' }),
  tiedEmbeddings: key(flag().default(true), 'whether the output head is the embedding'),
  ropeTheta: key(number({ above: 0 }).default(10000), 'base of the rotary positions'),
  maxPositions: key(int({ min: 1 }).default(1024), 'longest prompt with response along one path', { unit: 'tokens' }),
  rmsNormEps: key(number({ above: 0 }).default(1e-6), 'added to the mean square in RMSNorm'),
  initializerRange: key(number({ above: 0 }).default(0.02), 'standard deviation of the first weights; 1/√`hiddenSize` suits small models'),
  vocabSize: key(int({ min: 1 }).optional(), 'rows of the embedding', { absent: 'what the tokenizer needs' }),
})

const init = mapping({
  tokenizer: key(text(), 'a folder with tokenizer.json, relative to this file', { change: 'free' }),
  architecture: key(architecture, 'sizes of the model'),
})

const lora = mapping({
  rank: key(int({ min: 1 }).optional(), 'numbers between the two factors of a layer', { absent: '16' }),
  alpha: key(number({ above: 0 }).optional(), 'an adapter counts `alpha` / `rank` times', { absent: '2 × `rank`' }),
  rankStabilized: key(flag().optional(), '`alpha` / √`rank` instead: `use_rslora` of PEFT', { absent: '`false`' }),
  targets: key(z.array(text()).min(1).optional(), 'which linear layers, such as `[q_proj, v_proj]`', {
    absent: 'all of them',
    hint: 'Usual: leave it out.',
  }),
  tokens: key(choice(['tags', 'none']).optional(), 'rows of the embedding that train, too: those of the six tags, or none', {
    absent: '`tags` where the checkpoint lacks them, else `none`',
  }),
})

const model = mapping({
  checkpoint: key(
    text().optional(),
    'a Hugging Face folder or a GGUF file, relative to this file, or an id of the hub (`owner/name`, `owner/name:Q4_K_M`); `{{ env.NAME }}` takes it from the environment',
    {
      absent: 'either this or `init`',
      change: 'free',
    },
  ),
  ...baseKey,
  lora: key(
    lora.optional(),
    'train low-rank adapters beside the frozen weights of `checkpoint`; one that is an adapter trains on: [docs/train.md](train.md#lora)',
    { absent: 'all weights train' },
  ),
  init: key(init.optional(), 'a model from random weights', { absent: 'either this or `checkpoint`' }),
  attention: key(choice(attentions).optional(), 'what a path sees: `structured` hides sibling paths, `causal` does not', {
    absent: "the checkpoint's own, else structured",
  }),
  outlines: key(
    flag().default(false),
    'add the two tags of [outlines](model.md#outlines), so that the model can plan its paths before they are forked',
    { newer: true },
  ),
})

const rollouts = mapping({
  every: key(int({ min: 0 }).default(1), 'of which steps of a stage the rollouts are kept: 10 for every tenth; 0: of none', {
    unit: 'steps',
    change: 'free',
  }),
  megabytes: key(
    number({ above: 0 }).default(1000),
    'most that they take on the disk: beyond it every second step goes, then every fourth',
    {
      unit: 'MB',
      change: 'free',
    },
  ),
})

const save = mapping({
  every: key(int({ min: 1 }).default(50), 'how often the training state is saved; it is also saved after a stage and at Ctrl-C', {
    unit: 'steps',
    change: 'free',
  }),
  keep: key(int({ min: 1 }).default(2), 'training states kept', { change: 'free' }),
  dtype: key(
    choice(['float32', 'bfloat16']).default('bfloat16'),
    'of the exported checkpoints; training states hold the float32 master weights',
    { change: 'free' },
  ),
  rollouts: key(switched(rollouts, { every: 0 }), 'whether [rollouts are kept](runs.md#look-at-rollouts): `true`, `false`, or which ones', {
    change: 'free',
  }),
  ...bestKeys,
})

const name = key(text(), 'it names a folder of the run and the step lines')
const suite = key(text(), 'a promptfoo config, relative to this file: its tests are the rows', { change: 'free' })

const optimizer = {
  lrEnd: key(number({ min: 0 }).default(0), 'rate that cosine and linear reach at the end of the stage; at most `lr`'),
  warmup: key(int({ min: 0 }).default(0), 'linear warm-up of the rate', { unit: 'steps' }),
  weightDecay: key(number({ min: 0 }).default(0.01), 'decoupled weight decay of AdamW'),
  betas: key(
    z.tuple([number({ min: 0, below: 1 }), number({ min: 0, below: 1 })]).default([0.9, 0.95]),
    "decay of AdamW's first and second moment",
    { hint: 'Usual: [0.9, 0.95].' },
  ),
  eps: key(number({ above: 0 }).default(1e-8), "added to the root of AdamW's second moment"),
  clip: key(number({ min: 0 }).default(1), 'largest global gradient norm; 0: none'),
  maxSkipped: key(int({ min: 1 }).default(5), 'updates in a row with a gradient that is not finite, after which the run stops', {
    change: 'free',
  }),
}

/** Optimizer keys in the order of the table, around the two whose default depends on the kind of stage. */
function optimizerKeys(lr: number, schedule: ScheduleKind) {
  const { lrEnd, warmup, ...rest } = optimizer
  return {
    lr: key(number({ above: 0 }).default(lr), 'highest learning rate', { usual: true }),
    lrEnd,
    warmup,
    schedule: key(choice(schedules).default(schedule), 'learning rate after the warm-up'),
    ...rest,
  }
}

const steps = { unit: 'steps', change: 'length' } as const

const pair = <N extends z.ZodType<number>>(one: N, standard: [number, number]) => z.tuple([one, one]).default(standard as never)

const sftStage = mapping({
  name,
  kind: key(z.literal('sft'), 'sft, grpo or generate'),
  suite: key(text().optional(), 'a promptfoo config, relative to this file: its tests are the rows', {
    absent: 'that of the stage in `from`',
    change: 'free',
  }),
  provider: key(text().optional(), 'label of the provider entry whose settings render the prompts', { absent: "the suite's first" }),
  ...learnKeys,
  response: key(
    text().optional(),
    "a template of the response over the row's vars, such as '{{ answer }}'; with `each` also over `item`. White space around the tags of a block is removed",
    { absent: "with `from`, `'{{ response }}'`" },
  ),
  each: key(text().optional(), "a var that holds a list: every element is a sample of its own with the row's prompt", {
    absent: 'one sample a row',
  }),
  epochs: key(number({ above: 0 }).optional(), 'passes over the samples; or `steps`', { absent: '1 without `steps`', usual: true }),
  steps: key(int({ min: 1 }).optional(), 'optimizer updates; or `epochs`', { ...steps, absent: 'from `epochs`' }),
  batchTokens: key(int({ min: 1 }).default(8192), 'size of an update, prompts included', { unit: 'tokens', usual: true }),
  microBatchTokens: key(int({ min: 1 }).optional(), 'size of one forward pass: less needs less memory, the update stays the same', {
    unit: 'tokens',
    absent: '`batchTokens`, at most 8192',
  }),
  ...optimizerKeys(1e-5, 'cosine'),
  ...evaluationKeys,
})

const term = mapping({
  reward: key(text(), 'an expression as in `reward`'),
  weight: key(number().default(1), 'what it counts in the sum'),
  where: key(text().optional(), 'an expression: where it is 0, the reward says nothing of a response and is not compared', {
    absent: 'it counts everywhere',
  }),
})

const pathCredit = mapping({
  reward: key(text(), 'what a path alone is worth, 0 … 1: an expression as in `reward`'),
  response: key(text().default('{{ path }}'), "the response that a path alone is graded as: a template over `path` and the row's vars"),
  claim: key(
    text().optional(),
    "a path that ends with this text, such as `' yes'`, says that it found the answer. Where it did not, it loses what its response lost by it",
    { absent: 'a path can spoil nothing', newer: true },
  ),
})

const grpoStage = mapping({
  name,
  kind: key(z.literal('grpo'), 'sft, grpo or generate'),
  suite,
  provider: key(text(), 'the label of the provider entry whose settings decode'),
  steps: key(int({ min: 1 }), 'rounds of sampling and learning', steps),
  difficulty: key(difficulty.optional(), 'only problems of some pass rate: [Training](train.md#choose-problems-by-pass-rate)', {
    absent: 'all rows',
    newer: true,
  }),
  prompts: key(int({ min: 1 }).default(32), 'prompts a step', { usual: true }),
  refill: key(
    int({ min: 0 }).default(0),
    'rounds of further prompts in a step, in the place of groups that do not teach: [dynamic sampling](train.md#dynamic-sampling)',
    { newer: true },
  ),
  group: key(int({ min: 2 }).default(8), 'samples a prompt', { hint: 'A group of one gives no advantage; 8 is usual.', usual: true }),
  reward: key(
    text().optional(),
    'an expression over the metric names of the assertions and `step`, such as answer: [docs/assertions.md](assertions.md#rewards); or `file://` and a [ready file](../suites/rewards/README.md)',
    { absent: 'either this or `rewards`' },
  ),
  rewards: key(z.array(term).min(1).optional(), 'several rewards', {
    absent: 'either this or `reward`',
    hint: 'Each has reward, and may have weight and where.',
  }),
  pathCredit: key(
    pathCredit.optional(),
    'whether the tokens of a path learn from what that path adds to its block: [Credit a path](losses.md#credit-a-path)',
    { absent: 'all tokens of a response learn from its reward', hint: 'It has reward, such as answer, and may have response and claim.' },
  ),
  combine: key(
    choice(combinations).default('sum_then_normalize'),
    'whether `rewards` are added before they are compared within a group, or each is compared alone',
    { newer: true },
  ),
  loss: key(choice(policyLosses).default('dapo'), 'what is made of ratios and advantages: [the losses](losses.md)', {
    newer: true,
    usual: true,
  }),
  clipLow: key(number({ min: 0, max: 1 }).optional(), 'the ratio of probabilities is clipped at 1 − clipLow', {
    absent: '`0.2`; [some losses](losses.md#bounds) have others',
  }),
  clipHigh: key(number({ min: 0 }).optional(), 'and at 1 + clipHigh', { absent: '`0.28`; [some losses](losses.md#bounds) have others' }),
  dualClip: key(number({ above: 1 }).default(3), 'bound of the ratio where the advantage is negative (dual clip of PPO)'),
  sapoTemperatures: key(pair(number({ above: 0 }), [1, 1.05]), 'of the gate of `sapo`: for advantages above 0, and for the others', {
    newer: true,
  }),
  vespoPositive: key(pair(number({ above: 0 }), [2, 3]), 'k and λ of the weight of `vespo` for advantages from 0 on', { newer: true }),
  vespoNegative: key(pair(number({ above: 0 }), [3, 2]), 'and for those below', { newer: true }),
  topEntropy: key(number({ above: 0, max: 1 }).default(1), 'share of the tokens, those of highest entropy, that learn from the advantage', {
    newer: true,
  }),
  maskTruncated: key(
    flag().default(false),
    'whether responses that a budget ended teach nothing. They still count in the mean of their group',
    { newer: true },
  ),
  advantage: key(
    choice(advantages).default('std'),
    "reward less its group's mean; `std` divides by the group's standard deviation, `batch` by that of the step",
  ),
  kl: key(number({ min: 0 }).default(0), 'weight of the [KL to a reference policy](losses.md#kl-to-a-reference); 0: no reference is held', {
    newer: true,
  }),
  klIn: key(choice(['loss', 'reward']).default('loss'), 'where it stands: a term of the loss, or taken off the reward', { newer: true }),
  klCorrection: key(
    flag().default(true),
    'in the loss: whether its terms are weighted by the ratio, so that the gradient is that of the reverse KL',
    { newer: true },
  ),
  referenceEvery: key(int({ min: 1 }).optional(), 'how often the reference follows the policy', {
    unit: 'steps',
    absent: 'never: it is the model that the stage began with',
  }),
  referenceMix: key(number({ above: 0, max: 1 }).default(1), 'share of the policy in the reference when it follows', { newer: true }),
  entropyBonus: key(number({ min: 0 }).default(0), 'weight of the [entropy bonus](losses.md#entropy-bonus), with a target the first one', {
    newer: true,
  }),
  entropyTarget: key(number({ min: 0 }).optional(), 'entropy at and below which the bonus acts and grows, above which it shrinks', {
    unit: 'nats',
    absent: 'the bonus always acts, with the same weight',
  }),
  entropyBonusStep: key(number({ above: 0 }).default(0.005), 'how far an update moves the weight, with a target', { newer: true }),
  entropyBonusMax: key(number({ min: 0 }).default(1), 'the largest weight, with a target', { newer: true }),
  updates: key(int({ min: 1 }).default(1), 'optimizer updates a step: its prompts are divided among them'),
  maxDropped: key(int({ min: 1 }).optional(), 'steps in a row without a group that teaches, after which the run stops', {
    absent: 'it goes on, and says so every 20 such steps',
    change: 'free',
  }),
  graderTimeout: key(number({ above: 0 }).default(60), 'longest time in which no grader gives a verdict, after which the run stops', {
    unit: 'seconds',
    change: 'free',
  }),
  microBatchTokens: key(int({ min: 1 }).default(8192), 'size of one forward pass: less needs less memory, the update stays the same', {
    unit: 'tokens',
  }),
  ...optimizerKeys(1e-6, 'constant'),
  ...evaluationKeys,
})

const generateStage = mapping({ name, kind: key(z.literal('generate'), 'sft, grpo or generate'), suite, ...generateKeys })

export const trainSchema = mapping({
  output: key(text(), 'the folder of the run, relative to this file; `--output` overrides it', { change: 'free' }),
  seed: key(int({ min: 0 }).default(1), 'decides first weights, order of the rows and samples', { usual: true }),
  ...engineKeys,
  cacheTokens: key(int({ min: 1 }).optional(), 'KV cache of the rollouts', {
    unit: 'tokens',
    absent:
      "the largest of the suites' providers, else 16384, less where memory is short. With `device: cuda` a quarter of what the model leaves of the GPU. None where every stage is supervised",
    change: 'free',
  }),
  optimizerState: key(
    choice(optimizerStates).default('f32'),
    'how the two moments of AdamW are held, in 8, 4 or 2 bytes a weight: [Larger and faster](scale.md#optimizer-state)',
    { newer: true },
  ),
  shards: key(
    int({ min: 1, max: 4096 }).optional(),
    'parts of an update whose gradients are added up along a tree: as many workers can share an update, and other numbers are other bits',
    { absent: '4, fewer where an update has less than 2,048 tokens for each, 1 where more than 32 million parameters train' },
  ),
  ...rayKeys,
  recompute: key(flag().default(false), 'keep less of the forward pass and compute it again in the backward pass'),
  model: key(model, 'what is trained'),
  stages: key(z.array(z.discriminatedUnion('kind', [sftStage, grpoStage, generateStage])).min(1), 'trained one after the other', {
    hint: 'Each has name, kind and suite.',
  }),
  save: key(save.prefault({}), 'training states and exports'),
  ...boardKeys,
})

export type Architecture = Filled<z.output<typeof architecture>, 'kvHeads' | 'headDim' | 'intermediateSize'>
export type ModelSource = Omit<z.output<typeof model>, 'init' | 'outlines'> & {
  init?: { tokenizer: string; architecture: Architecture }
  outlines?: true
}
export type LoraConfig = z.output<typeof lora>
export type Evaluating<S> = Omit<S, 'evaluate'> & { evaluate?: EvaluationConfig[] }
export type SftStage = Evaluating<Filled<z.output<typeof sftStage>, 'microBatchTokens' | 'suite' | 'response'>>
export type GrpoStage = Evaluating<Filled<z.output<typeof grpoStage>, 'clipLow' | 'clipHigh'>>
/** Nothing is evaluated while nothing is learnt. */
export type GenerateStage = z.output<typeof generateStage> & GenerateKeys & { evaluate?: undefined; patience?: undefined }
/** A stage that changes the weights. */
export type TrainingStage = SftStage | GrpoStage
export type Stage = TrainingStage | GenerateStage
export type OptimizerConfig = z.output<z.ZodObject<ReturnType<typeof optimizerKeys>>>
/** With absolute paths; `file` is that of the file itself. */
export type TrainConfig = Omit<z.output<typeof trainSchema>, 'model' | 'stages'> & {
  file: string
  model: ModelSource
  stages: Stage[]
  /** Keys of the file and the command line, without those that were left to their defaults: nested ones joined by dots, stages by name. */
  given: readonly string[]
  /** The precision of the file, where `--device` named a device that has none such. */
  gaveWay?: Precision
}
