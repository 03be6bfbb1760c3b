/**
 * The rollouts of a training run on the disk, one file a step: JSON lines in one gzip member. The first line says how the step was judged, each
 * further one is a rollout, by group and then by member.
 *
 *   <run>/rollouts/00000045-rl-40.jsonl.gz   45 steps into the run, stage "rl", step 40 of it
 *   <run>/rollouts/run.json                  the configuration of the run
 */

import { gunzipSync, gzipSync } from 'node:zlib'
import { z } from 'zod'
import { ParallelR1Error } from '../engine/errors.ts'
import { parseJson } from '../json.ts'

/** Kept rollouts that cannot be found or read. */
export class RolloutsError extends ParallelR1Error {
  override name = 'RolloutsError'
}

/** Where a step stands; both counts from 1. */
export interface StepPlace {
  stage: string
  step: number
  /** In the whole run. */
  total: number
}

const FORMAT = 1

const count = z.int().nonnegative()
const span = z.object({ text: z.string(), tokens: count })
const path = span.extend({ outline: span.optional(), ended: z.literal('sibling').optional() })

const headerSchema = z.object({
  format: z.literal(FORMAT),
  stage: z.string(),
  step: count,
  total: count,
  /** Lines that follow. */
  rollouts: count,
  /** Rewards of the stage; `where`: of which rollouts one speaks. */
  terms: z.array(z.object({ reward: z.string(), weight: z.number(), where: z.string().optional() })).min(1),
  advantage: z.enum(['std', 'batch', 'mean']),
  combine: z.enum(['sum_then_normalize', 'normalize_then_sum']),
  /** What sampled: other instruction sets give other bits. */
  engine: z.object({ device: z.string(), precision: z.string(), isa: z.string() }),
})

const rolloutSchema = z.object({
  /** From 0 within the step, and within the group. */
  group: count,
  member: count,
  /** Index of the row in the suite as the run keeps it, `suites/<stage>.jsonl`. */
  row: count,
  /** For people: the var `id` of the row, else its number from 1. */
  problem: z.string(),
  /** As promptfoo rendered it; chat messages are JSON. */
  prompt: z.string(),
  /** The response as the assertions saw it: the provider's `output`. */
  text: z.string(),
  /** The provider's, with what the assertions read: token counts, the blocks as they were forked, seed, why the response ended. */
  metadata: z.looseObject({
    seed: z.number(),
    promptTokens: count,
    totalTokens: count,
    criticalPathTokens: count,
    finishReason: z.enum(['stop', 'length']),
    tree: z.object({ blocks: z.array(z.object({ start: count, paths: z.array(path), summary: span })) }),
  }),
  /** Of token ids and log-probabilities: tells two responses of the same text apart. */
  digest: z.string(),
  /** Scores by metric name. */
  metrics: z.record(z.string(), z.number()),
  /** One a term of the header; null: it says nothing of this rollout. */
  rewards: z.array(z.number().nullable()),
  /** Their weighted sum. */
  reward: z.number(),
  /** KL that was taken off the reward, where it stands there. */
  penalty: z.number().optional(),
  advantage: z.number(),
  /** [block][path], where the stage credits paths: what a path found, and its advantage. */
  paths: z.array(z.array(z.object({ found: z.number(), advantage: z.number() }))).optional(),
  /** [blocks before them], where the stage credits paths: the advantage of tokens outside of paths. */
  outside: z.array(z.number()).optional(),
  /** Its group differs in reward, or in what paths found, and it is not masked as truncated. */
  teaches: z.boolean(),
})

export type StepHeader = z.infer<typeof headerSchema>
export type KeptRollout = z.infer<typeof rolloutSchema>

export interface KeptStep {
  header: StepHeader
  rollouts: KeptRollout[]
}

/** Whether a budget ended it. */
export function isTruncated({ metadata }: KeptRollout): boolean {
  return metadata.finishReason === 'length'
}

export function encodeStep(header: Omit<StepHeader, 'format' | 'rollouts'>, rollouts: readonly KeptRollout[]): Uint8Array {
  const first: StepHeader = { format: FORMAT, ...header, rollouts: rollouts.length }
  return gzipSync([first, ...rollouts].map((line) => `${JSON.stringify(line)}\n`).join(''))
}

/** The longest text that a string of JavaScript takes. */
const LONGEST = 512 * 1024 ** 2

/** Throws RolloutsError that names `file` and what is wrong with it. */
export function decodeStep(bytes: Uint8Array, file: string): KeptStep {
  const damaged = (why: string) => new RolloutsError(`${file} is damaged: ${why}. The other steps are not touched by that.`)
  let lines: string[]
  try {
    // A text that ends in the middle of a line is seen by the checksum.
    lines = gunzipSync(bytes, { maxOutputLength: LONGEST }).toString('utf8').trimEnd().split('\n')
  } catch (error) {
    throw damaged((error as Error).message)
  }
  const read = <T>(schema: z.ZodType<T>, index: number): T => {
    let value: unknown
    try {
      value = parseJson(lines[index])
    } catch (error) {
      throw damaged(`line ${index + 1} is no JSON (${(error as Error).message})`)
    }
    const format = index === 0 && typeof value === 'object' && value !== null && 'format' in value ? value.format : FORMAT
    if (format !== FORMAT)
      throw new RolloutsError(`${file} has format ${JSON.stringify(format)}, this version reads ${FORMAT}. Use the version that wrote it.`)
    const parsed = schema.safeParse(value)
    if (parsed.success) return parsed.data
    const [{ path, message }] = parsed.error.issues
    throw damaged(`"${path.join('.')}" in line ${index + 1} is not what a run writes (${message})`)
  }
  const header = read(headerSchema, 0)
  if (lines.length - 1 !== header.rollouts) throw damaged(`it has ${lines.length - 1} rollouts, not ${header.rollouts}`)
  return { header, rollouts: lines.slice(1).map((_, i) => read(rolloutSchema, i + 1)) }
}

/** Name of a step's file. */
export function stepFile({ stage, step, total }: StepPlace): string {
  return `${String(total).padStart(8, '0')}-${stage}-${step}.jsonl.gz`
}

/** Inverse of {@link stepFile}; undefined for other files. */
export function placeOf(name: string): StepPlace | undefined {
  const [, total, stage, step] = /^(\d{8,})-(.+)-(\d+)\.jsonl\.gz$/.exec(name) ?? []
  return stage === undefined ? undefined : { stage, step: Number(step), total: Number(total) }
}
