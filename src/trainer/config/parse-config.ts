/** From a parsed `train.yaml` to a configuration: what its table (config.ts) checks key by key, and what several keys decide together. */

import { dirname, resolve } from 'node:path'
import type { z } from 'zod'
import { check } from '../../config/check.ts'
import { fromEnvironment } from '../../config/file.ts'
import { ConfigError } from '../../engine/errors.ts'
import { checkpointPlace } from '../../hub/place.ts'
import { boardFolders } from '../boards/keys.ts'
import { checkEvaluations, fillEvaluations, withEvaluationLists } from '../evaluation/keys.ts'
import { fillGenerate, promptFile, sourceOf } from '../generate/keys.ts'
import { judgesTokens, policyLosses, usualBounds } from '../losses/index.ts'
import { fillDifficulty } from '../suite/difficulty.ts'
import {
  type Architecture,
  type Evaluating,
  type GrpoStage,
  type ModelSource,
  type SftStage,
  type TrainConfig,
  trainSchema,
} from './config.ts'
import { withRewardFiles } from './reward-files.ts'

type Raw = z.output<typeof trainSchema>
type RawStage = Raw['stages'][number]
type RawSft = Extract<RawStage, { kind: 'sft' }>
type RawGrpo = Extract<RawStage, { kind: 'grpo' }>

/** Checks a parsed file; relative paths are resolved against its folder. Throws ConfigError. */
export function parseTrainConfig(raw: unknown, file: string): TrainConfig {
  const folder = dirname(file)
  const config = check(trainSchema, withFiles(raw, folder), file)
  const names = new Set<string>()
  const taken = ['final', 'checkpoints', 'suites', ...(config.save.rollouts.every > 0 ? ['rollouts'] : []), ...boardFolders(config)]
  for (const [index, { name }] of config.stages.entries()) {
    if (!/^[A-Za-z0-9][\w.-]*$/.test(name) || taken.includes(name) || name.startsWith('only-')) {
      const beside = `${taken.slice(0, -1).join(', ')} and ${taken.at(-1)}`
      throw new ConfigError(
        `"name" in stage ${index + 1} of ${file} becomes a folder beside ${beside}. Got "${name}". Use letters, digits, - and _.`,
      )
    }
    if (names.has(name)) throw new ConfigError(`Two stages of ${file} are called "${name}". Give each a name of its own.`)
    names.add(name)
  }
  const filled: TrainConfig = {
    ...config,
    file,
    given: pathsOf(raw),
    output: resolve(folder, config.output),
    model: fillModel(config.model, folder, `"model" in ${file}`),
    stages: config.stages.map((stage, index) => {
      const where = `stage "${stage.name}" of ${file}`
      if (stage.kind === 'generate') return fillGenerate({ ...stage, suite: resolve(folder, stage.suite) }, folder, where)
      if (stage.lrEnd > stage.lr) {
        throw new ConfigError(`"lrEnd" in ${where} must be at most "lr" (${stage.lr}). Got ${stage.lrEnd}. Correct one of the two.`)
      }
      const evaluate = fillEvaluations(stage.evaluate, folder, where)
      if (stage.kind === 'sft') {
        const placed = withSource(stage, config.stages.slice(0, index), folder, where)
        return fillSft({ ...placed, suite: resolve(folder, placed.suite), evaluate }, where)
      }
      const placed = { ...stage, suite: resolve(folder, stage.suite), evaluate }
      return fillGrpo({ ...placed, difficulty: fillDifficulty(placed.difficulty, folder, where) }, where)
    }),
  }
  checkEvaluations(filled, file)
  return filled
}

/** The keys of a checked file that hold something, each by its path. */
function pathsOf(value: unknown, path = ''): string[] {
  if (value === null || value === undefined) return []
  const below = (name: string) => (path === '' ? name : `${path}.${name}`)
  if (path === 'stages') return (value as { name: string }[]).flatMap((stage) => pathsOf(stage, below(stage.name)))
  if (typeof value !== 'object' || Array.isArray(value)) return [path]
  return Object.entries(value).flatMap(([name, inner]) => pathsOf(inner, below(name)))
}

function withFiles(raw: unknown, folder: string): unknown {
  if (typeof raw !== 'object' || raw === null || !('stages' in raw)) return raw
  return { ...raw, stages: withEvaluationLists(withRewardFiles(raw.stages, folder)) }
}

function fillModel(given: Raw['model'], folder: string, where: string): ModelSource {
  const { checkpoint, base, lora, init, attention } = given
  const outlines = given.outlines && { outlines: true as const }
  if ((checkpoint === undefined) === (init === undefined)) {
    throw new ConfigError(
      `${where} must hold either "checkpoint" (a Hugging Face folder or a GGUF file) or "init" (a model from scratch). Got ${checkpoint ? 'both' : 'neither'}.`,
    )
  }
  if (checkpoint !== undefined) {
    return {
      checkpoint: checkpointPlace(fromEnvironment(checkpoint, where), folder),
      ...(base !== undefined && { base: checkpointPlace(base, folder) }),
      ...(lora && { lora }),
      attention,
      ...outlines,
    }
  }
  if (base !== undefined)
    throw new ConfigError(`"base" in ${where} is the model below a "checkpoint" that is an adapter. Got it beside "init".`)
  if (lora) throw new ConfigError(`"lora" in ${where} trains beside the weights of a "checkpoint". Got it beside "init".`)
  const { tokenizer, architecture } = init!
  return {
    init: {
      tokenizer: resolve(folder, tokenizer),
      architecture: fillArchitecture(architecture, `"architecture" in "init" in ${where}`),
    },
    attention: attention ?? 'structured',
    ...outlines,
  }
}

function fillArchitecture(sizes: NonNullable<Raw['model']['init']>['architecture'], where: string): Architecture {
  const { hiddenSize, heads } = sizes
  const kvHeads = sizes.kvHeads ?? heads
  if (heads % kvHeads !== 0) {
    throw new ConfigError(
      `"heads" in ${where} must be a multiple of "kvHeads". Got ${heads} and ${kvHeads}. Use ${heads} or a divisor of it.`,
    )
  }
  const headDim = sizes.headDim ?? Math.max(1, Math.floor(hiddenSize / heads))
  if (headDim % 2 !== 0) throw new ConfigError(`"headDim" in ${where} must be even, rotary positions turn pairs. Got ${headDim}.`)
  return { ...sizes, kvHeads, headDim, intermediateSize: sizes.intermediateSize ?? 3 * hiddenSize }
}

/** Suite and response, where a stage learns from another one without naming them. */
function withSource(stage: RawSft, before: readonly RawStage[], folder: string, where: string) {
  const source = sourceOf(stage, before, where)
  const { suite, response = '{{ response }}' } = stage
  // A suite of its own has a prompt of its own, too.
  const asked = suite === undefined ? source : undefined
  const prompt = stage.prompt ?? asked?.prompt
  return {
    ...stage,
    suite: suite ?? asked!.suite!,
    provider: stage.provider ?? asked?.provider,
    ...(prompt !== undefined && { prompt: promptFile(prompt, folder, where) }),
    response,
  }
}

function fillSft(stage: Evaluating<RawSft> & Pick<SftStage, 'suite' | 'response'>, where: string): SftStage {
  const { steps, epochs, batchTokens, microBatchTokens } = stage
  if (steps !== undefined && epochs !== undefined) throw new ConfigError(`${where} has both "epochs" and "steps". Keep one of them.`)
  return {
    ...stage,
    epochs: epochs ?? (steps === undefined ? 1 : undefined),
    microBatchTokens: microBatchTokens ?? Math.min(batchTokens, 8192),
  }
}

function fillGrpo(stage: Evaluating<RawGrpo>, where: string): GrpoStage {
  const { prompts, updates, loss, pathCredit } = stage
  if (pathCredit && !judgesTokens(loss)) {
    const fit = policyLosses.filter(judgesTokens).join(', ')
    throw new ConfigError(`"pathCredit" in ${where} judges tokens, and the loss ${loss} whole responses. Use one of ${fit}.`)
  }
  if (updates > prompts) {
    throw new ConfigError(`${where} divides ${prompts} prompts among ${updates} updates. Use at most as many updates as prompts.`)
  }
  const { reward, rewards, kl, klIn, combine } = stage
  if (reward === undefined && rewards === undefined) {
    throw new ConfigError(`"reward" is missing in ${where}: an expression over the metric names of the assertions. Add it.`)
  }
  if (reward !== undefined && rewards !== undefined) throw new ConfigError(`${where} has both "reward" and "rewards". Keep one of them.`)
  if (kl > 0 && klIn === 'reward' && combine === 'normalize_then_sum') {
    throw new ConfigError(
      `"klIn: reward" in ${where} takes the KL off the sum of the rewards, which normalize_then_sum does not compare. Use klIn: loss.`,
    )
  }
  const [clipLow, clipHigh] = usualBounds(loss)
  return { ...stage, clipLow: stage.clipLow ?? clipLow, clipHigh: stage.clipHigh ?? clipHigh }
}
