/** `train.yaml`: one parse, every key checked, every default filled in, every path absolute. */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parse as parseYaml, YAMLParseError } from 'yaml'
import {
  type ConfigObject,
  checkKeys,
  nearestName,
  readBoolean,
  readEnum,
  readInt,
  readNumber,
  readObject,
  readString,
} from '../config-keys.ts'
import { ConfigError } from '../engine/errors.ts'
import { type Family, familyNames } from '../engine/families/index.ts'
import type { Device, Numerics, Precision } from '../engine/types.ts'
import type { AttentionMode } from '../thinking/types.ts'
import type { AdvantageKind } from './advantages.ts'
import type { ScheduleKind } from './schedule.ts'

export interface TrainConfig {
  /** Absolute path of the file. */
  file: string
  /** Absolute folder of the run. */
  output: string
  seed: number
  device: Device
  precision: Precision
  /** `fast` may compute large products in an order that depends on the batch: see docs/cuda.md. */
  numerics: Numerics
  /** Worker threads; absent: all cores. */
  threads?: number
  /** KV cache of rollouts in tokens; absent: the largest of the suites' providers, else the engine's default. */
  cacheTokens?: number
  /** Keep less in `forward`, compute it again in `backward`. */
  recompute: boolean
  model: ModelSource
  stages: Stage[]
  save: SaveConfig
}

export interface ModelSource {
  /** A Hugging Face folder (`{{ env.NAME }}` in the file takes it from the environment), or … */
  checkpoint?: string
  /** … a model from scratch. */
  init?: { tokenizer: string; architecture: Architecture }
  /** Absent with a checkpoint: the checkpoint's own, else structured. */
  attention?: AttentionMode
}

export interface Architecture {
  family: Family
  hiddenSize: number
  layers: number
  heads: number
  kvHeads: number
  headDim: number
  intermediateSize: number
  tiedEmbeddings: boolean
  ropeTheta: number
  maxPositions: number
  rmsNormEps: number
  /** Standard deviation of the initial weights; 1/√hiddenSize suits small models. Default 0.02. */
  initializerRange: number
  /** Absent: what the tokenizer needs. */
  vocabSize?: number
}

export interface SaveConfig {
  /** Steps between saves of the training state. */
  every: number
  /** Training states kept. */
  keep: number
  /** Of the exported checkpoints; training states hold the float32 masters. */
  dtype: 'float32' | 'bfloat16'
}

export interface OptimizerConfig {
  lr: number
  lrEnd: number
  warmup: number
  schedule: ScheduleKind
  weightDecay: number
  betas: [number, number]
  eps: number
  /** Maximum global gradient norm; 0: none. */
  clip: number
}

interface StageBase extends OptimizerConfig {
  name: string
  /** Absolute path of the promptfoo config. */
  suite: string
  /** Label of the provider entry whose settings render (sft) and decode (grpo). */
  provider?: string
  /** Tokens a forward. */
  microBatchTokens: number
}

export interface SftStage extends StageBase {
  kind: 'sft'
  /** Nunjucks over the test's vars, and `item` with `each`. */
  response: string
  /** A var that holds a list: every element is a sample of its own with the row's prompt. */
  each?: string
  /** Exactly one of epochs and steps is set. */
  epochs?: number
  steps?: number
  /** Tokens an update. */
  batchTokens: number
}

export interface GrpoStage extends StageBase {
  kind: 'grpo'
  provider: string
  steps: number
  /** Prompts a step. */
  prompts: number
  /** Samples a prompt. */
  group: number
  reward: string
  clipLow: number
  clipHigh: number
  dualClip: number
  advantage: AdvantageKind
  /** Optimizer updates a step: the prompts of a step are divided among them. */
  updates: number
}

export type Stage = SftStage | GrpoStage

const OPTIMIZER_KEYS = ['lr', 'lrEnd', 'warmup', 'schedule', 'weightDecay', 'betas', 'eps', 'clip']
const STAGE_KEYS = ['name', 'kind', 'suite', 'provider', 'microBatchTokens', ...OPTIMIZER_KEYS]
const SFT_KEYS = [...STAGE_KEYS, 'response', 'each', 'epochs', 'steps', 'batchTokens']
const GRPO_KEYS = [...STAGE_KEYS, 'steps', 'prompts', 'group', 'reward', 'clipLow', 'clipHigh', 'dualClip', 'advantage', 'updates']
const ARCHITECTURE_KEYS =
  'family hiddenSize layers heads kvHeads headDim intermediateSize tiedEmbeddings ropeTheta maxPositions rmsNormEps initializerRange vocabSize'.split(
    ' ',
  )

/** What the command line says in place of the file. */
export interface TrainOverrides {
  output?: string
  device?: string
  /** `key.path=value`, applied before anything is checked; stages are named by index or name. */
  sets?: readonly string[]
}

export function readTrainConfig(file: string, overrides: TrainOverrides = {}): TrainConfig {
  const path = resolve(file)
  const raw = readYaml(path)
  for (const set of overrides.sets ?? []) applySet(raw, set)
  if (overrides.device) (raw as Record<string, unknown>).device = overrides.device
  const config = parseTrainConfig(raw, path)
  return overrides.output ? { ...config, output: resolve(overrides.output) } : config
}

/** Checks a parsed file; relative paths are resolved against its folder. */
export function parseTrainConfig(raw: unknown, file: string): TrainConfig {
  const where = file
  const root = readObject(raw, where)
  checkKeys(
    root,
    ['output', 'seed', 'device', 'precision', 'numerics', 'threads', 'cacheTokens', 'recompute', 'model', 'stages', 'save'],
    where,
  )
  const folder = dirname(file)
  const save = readObject(root.save ?? {}, `"save" in ${where}`)
  checkKeys(save, ['every', 'keep', 'dtype'], `"save" in ${where}`)
  return {
    file,
    output: resolve(folder, required(readString(root, 'output', undefined, where), 'output', where, 'the folder of the run')),
    seed: readInt(root, 'seed', 1, where, { min: 0 }),
    device: readEnum(root, 'device', 'auto', where, ['auto', 'cpu', 'cuda', 'tfjs']),
    precision: readEnum(root, 'precision', 'auto', where, ['auto', 'f32', 'bf16', 'int8']),
    numerics: readEnum(root, 'numerics', 'exact', where, ['exact', 'fast']),
    threads: readInt(root, 'threads', undefined, where, { min: 1 }),
    cacheTokens: readInt(root, 'cacheTokens', undefined, where, { min: 1 }),
    recompute: readBoolean(root, 'recompute', false, where),
    model: parseModel(root.model, folder, `"model" in ${where}`),
    stages: parseStages(root.stages, folder, where),
    save: {
      every: readInt(save, 'every', 50, `"save" in ${where}`, { min: 1 }),
      keep: readInt(save, 'keep', 2, `"save" in ${where}`, { min: 1 }),
      dtype: readEnum(save, 'dtype', 'bfloat16', `"save" in ${where}`, ['float32', 'bfloat16']),
    },
  }
}

function parseModel(raw: unknown, folder: string, where: string): ModelSource {
  const model = readObject(raw, where)
  checkKeys(model, ['init', 'checkpoint', 'attention'], where)
  const attention = readEnum(model, 'attention', undefined, where, ['structured', 'causal'])
  const checkpoint = fromEnvironment(readString(model, 'checkpoint', undefined, where), where)
  if ((checkpoint === undefined) === (model.init === undefined)) {
    throw new ConfigError(
      `${where} must hold either "checkpoint" (a Hugging Face folder) or "init" (a model from scratch). Got ${checkpoint ? 'both' : 'neither'}.`,
    )
  }
  if (checkpoint) return { checkpoint: resolve(folder, checkpoint), attention }
  const init = readObject(model.init, `"init" in ${where}`)
  checkKeys(init, ['tokenizer', 'architecture'], `"init" in ${where}`)
  const tokenizer = required(
    readString(init, 'tokenizer', undefined, where),
    'tokenizer',
    `"init" in ${where}`,
    'a folder with tokenizer.json',
  )
  return {
    init: { tokenizer: resolve(folder, tokenizer), architecture: parseArchitecture(init.architecture, `"architecture" in ${where}`) },
    attention: attention ?? 'structured',
  }
}

/** "{{ env.NAME }}" stands for that variable, as in the promptfoo configs beside the training file. */
function fromEnvironment(checkpoint: string | undefined, where: string): string | undefined {
  const name = /^\{\{\s*env\.(\w+)\s*\}\}$/.exec(checkpoint ?? '')?.[1]
  if (!name) return checkpoint
  const value = process.env[name]
  if (value) return value
  throw new ConfigError(`"checkpoint" in ${where} needs the environment variable ${name}, which is not set. Set it to a checkpoint folder.`)
}

function parseArchitecture(raw: unknown, where: string): Architecture {
  const a = readObject(raw, where)
  checkKeys(a, ARCHITECTURE_KEYS, where)
  const size = (key: string, fallback: number) => readInt(a, key, fallback, where, { min: 1 })
  const hiddenSize = size('hiddenSize', 256)
  const heads = size('heads', 4)
  const kvHeads = size('kvHeads', heads)
  if (heads % kvHeads !== 0) {
    throw new ConfigError(
      `"heads" in ${where} must be a multiple of "kvHeads". Got ${heads} and ${kvHeads}. Use ${heads} or a divisor of it.`,
    )
  }
  const headDim = size('headDim', Math.max(1, Math.floor(hiddenSize / heads)))
  if (headDim % 2 !== 0) throw new ConfigError(`"headDim" in ${where} must be even, rotary positions turn pairs. Got ${headDim}.`)
  return {
    family: readEnum(a, 'family', 'qwen3', where, familyNames),
    hiddenSize,
    layers: size('layers', 4),
    heads,
    kvHeads,
    headDim,
    intermediateSize: size('intermediateSize', 3 * hiddenSize),
    tiedEmbeddings: readBoolean(a, 'tiedEmbeddings', true, where),
    ropeTheta: readNumber(a, 'ropeTheta', 10000, where, { above: 0 }),
    maxPositions: size('maxPositions', 1024),
    rmsNormEps: readNumber(a, 'rmsNormEps', 1e-6, where, { above: 0 }),
    initializerRange: readNumber(a, 'initializerRange', 0.02, where, { above: 0 }),
    vocabSize: readInt(a, 'vocabSize', undefined, where, { min: 1 }),
  }
}

function parseStages(raw: unknown, folder: string, file: string): Stage[] {
  if (!Array.isArray(raw) || raw.length === 0) {
    throw new ConfigError(
      `"stages" in ${file} must be a list of one stage or more. Got ${JSON.stringify(raw)}. Each has name, kind and suite.`,
    )
  }
  const names = new Set<string>()
  return raw.map((entry, index) => {
    const at = `stage ${index + 1} of ${file}`
    const object = readObject(entry, at)
    const name = required(readString(object, 'name', undefined, at), 'name', at, 'it names a folder and the step lines')
    if (!/^[A-Za-z0-9][\w.-]*$/.test(name) || ['final', 'checkpoints', 'suites'].includes(name) || name.startsWith('only-')) {
      throw new ConfigError(
        `"name" in ${at} becomes a folder beside final, checkpoints and suites. Got "${name}". Use letters, digits, - and _.`,
      )
    }
    if (names.has(name)) throw new ConfigError(`Two stages of ${file} are called "${name}". Give each a name of its own.`)
    names.add(name)
    const where = `stage "${name}" of ${file}`
    const kind = required(readEnum(object, 'kind', undefined, where, ['sft', 'grpo']), 'kind', where, 'sft or grpo')
    checkKeys(object, kind === 'sft' ? SFT_KEYS : GRPO_KEYS, where)
    return kind === 'sft' ? parseSft(object, name, folder, where) : parseGrpo(object, name, folder, where)
  })
}

function parseSft(object: ConfigObject, name: string, folder: string, where: string): SftStage {
  const steps = readInt(object, 'steps', undefined, where, { min: 1 })
  const epochs = readNumber(object, 'epochs', steps === undefined ? 1 : undefined, where, { above: 0 })
  if (steps !== undefined && epochs !== undefined) throw new ConfigError(`${where} has both "epochs" and "steps". Keep one of them.`)
  const batchTokens = readInt(object, 'batchTokens', 8192, where, { min: 1 })
  return {
    name,
    kind: 'sft',
    ...suiteOf(object, folder, where),
    provider: readString(object, 'provider', undefined, where),
    response: required(readString(object, 'response', undefined, where), 'response', where, "a template such as '{{ answer }}'"),
    each: readString(object, 'each', undefined, where),
    epochs,
    steps,
    batchTokens,
    microBatchTokens: readInt(object, 'microBatchTokens', Math.min(batchTokens, 8192), where, { min: 1 }),
    ...parseOptimizer(object, { lr: 1e-5, schedule: 'cosine' }, where),
  }
}

function parseGrpo(object: ConfigObject, name: string, folder: string, where: string): GrpoStage {
  const group = readInt(object, 'group', 8, where)
  if (group < 2)
    throw new ConfigError(`Group size ${group} gives no advantage. Got group: ${group} in ${where}. Use 2 or more; 8 is usual.`)
  const prompts = readInt(object, 'prompts', 32, where, { min: 1 })
  const updates = readInt(object, 'updates', 1, where, { min: 1 })
  if (updates > prompts) {
    throw new ConfigError(`${where} divides ${prompts} prompts among ${updates} updates. Use at most as many updates as prompts.`)
  }
  return {
    name,
    kind: 'grpo',
    ...suiteOf(object, folder, where),
    provider: required(
      readString(object, 'provider', undefined, where),
      'provider',
      where,
      'the label of the provider entry whose settings decode',
    ),
    steps: required(readInt(object, 'steps', undefined, where, { min: 1 }), 'steps', where, 'the number of steps'),
    prompts,
    group,
    reward: required(readString(object, 'reward', undefined, where), 'reward', where, 'an expression over metric names, such as answer'),
    clipLow: readNumber(object, 'clipLow', 0.2, where, { min: 0, max: 1 }),
    clipHigh: readNumber(object, 'clipHigh', 0.28, where, { min: 0 }),
    dualClip: readNumber(object, 'dualClip', 3, where, { above: 1 }),
    advantage: readEnum(object, 'advantage', 'std', where, ['std', 'mean']),
    updates,
    microBatchTokens: readInt(object, 'microBatchTokens', 8192, where, { min: 1 }),
    ...parseOptimizer(object, { lr: 1e-6, schedule: 'constant' }, where),
  }
}

function suiteOf(object: ConfigObject, folder: string, where: string): { suite: string } {
  return { suite: resolve(folder, required(readString(object, 'suite', undefined, where), 'suite', where, 'a promptfoo config')) }
}

function parseOptimizer(object: ConfigObject, defaults: { lr: number; schedule: ScheduleKind }, where: string): OptimizerConfig {
  const betas = object.betas ?? [0.9, 0.95]
  if (!Array.isArray(betas) || betas.length !== 2 || betas.some((b) => typeof b !== 'number' || !(b >= 0 && b < 1))) {
    throw new ConfigError(`"betas" in ${where} must be two numbers from 0 to below 1. Got ${JSON.stringify(betas)}. Usual: [0.9, 0.95].`)
  }
  const lr = readNumber(object, 'lr', defaults.lr, where, { above: 0 })
  return {
    lr,
    lrEnd: readNumber(object, 'lrEnd', 0, where, { min: 0, max: lr }),
    warmup: readInt(object, 'warmup', 0, where, { min: 0 }),
    schedule: readEnum(object, 'schedule', defaults.schedule, where, ['cosine', 'linear', 'constant']),
    weightDecay: readNumber(object, 'weightDecay', 0.01, where, { min: 0 }),
    betas: [betas[0], betas[1]],
    eps: readNumber(object, 'eps', 1e-8, where, { above: 0 }),
    clip: readNumber(object, 'clip', 1, where, { min: 0 }),
  }
}

function required<T>(value: T | undefined, key: string, where: string, what: string): T {
  if (value !== undefined) return value
  throw new ConfigError(`"${key}" is missing in ${where}: ${what}. Add it.`)
}

function readYaml(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigError(`Cannot read the training file ${path}: ${(error as Error).message}. Give an existing file with -c.`)
  }
  try {
    return parseYaml(text)
  } catch (error) {
    if (error instanceof YAMLParseError) throw new ConfigError(`${path} is not YAML: ${error.message}`)
    throw error
  }
}

/** `stages.rl.lr=1e-5`: the value is YAML; a stage is named by its index or its name. */
function applySet(raw: unknown, set: string): void {
  const equals = set.indexOf('=')
  if (equals < 1) throw new ConfigError(`--set needs key.path=value. Got "${set}". For example --set save.every=10.`)
  const path = set.slice(0, equals).split('.')
  let at = raw as Record<string, unknown>
  for (const [depth, key] of path.slice(0, -1).entries()) {
    if (!Array.isArray(at) && at[key] === undefined) at[key] = {}
    const next = Array.isArray(at) ? (at.find((entry) => entry?.name === key) ?? at[Number(key)]) : at[key]
    if (typeof next !== 'object' || next === null) {
      const known: string[] = Array.isArray(at) ? at.map((entry) => String(entry?.name)) : Object.keys(at)
      const nearest = nearestName(key, known)
      const wrong = path.slice(0, depth + 1).join('.')
      const hint = nearest ? `Did you mean "${nearest}"?` : `There are: ${known.join(', ')}.`
      throw new ConfigError(`--set ${set}: there is no "${wrong}". ${hint}`)
    }
    at = next as Record<string, unknown>
  }
  at[path[path.length - 1]] = parseYaml(set.slice(equals + 1))
}

/** The resolved table: one `[key, value]` a line, nested keys joined by dots, stages by name. */
export function configTable(config: TrainConfig): [string, string][] {
  const rows: [string, string][] = []
  const add = (prefix: string, value: unknown): void => {
    if (value === undefined) return
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) add(prefix ? `${prefix}.${key}` : key, inner)
    } else rows.push([prefix, Array.isArray(value) ? JSON.stringify(value) : String(value)])
  }
  add('', { ...config, stages: Object.fromEntries(config.stages.map(({ name, ...stage }) => [name, stage])) })
  return rows
}

/** What decides the numbers of a run: the table without places, threads and saves. A resumed run must agree in it. */
export function decisiveTable(config: TrainConfig): Record<string, string> {
  const free = /^(file|output|threads|cacheTokens|save\..*|stages\..*\.suite|model\.checkpoint|model\.init\.tokenizer)$/
  // Runs from before there was `numerics` were exact.
  return Object.fromEntries(configTable(config).filter(([key, value]) => !free.test(key) && !(key === 'numerics' && value === 'exact')))
}

/** Short hash of {@link decisiveTable}, for provenance. */
export function configHash(config: TrainConfig): string {
  return createHash('sha256')
    .update(JSON.stringify(decisiveTable(config)))
    .digest('hex')
    .slice(0, 16)
}
