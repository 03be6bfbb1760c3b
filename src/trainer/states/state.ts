/**
 * Where a run stands: `trainer/state.json` of a saved state. It holds the checksums of the files beside it and one of itself. Of a
 * safetensors file it is that of the header, which has one for each tensor. So a flipped bit anywhere in a state, or a file of
 * another state in it, is found before the run goes on.
 */

import { readFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { crc32 } from 'node:zlib'
import { z } from 'zod'
import type { FileOps } from '../../engine/checkpoint/atomic.ts'
import { damaged, hexChecksum } from '../../engine/checkpoint/checksums.ts'
import { adapterWeightsFile, fileProblem, parseJsonObject, readTextIfPresent } from '../../engine/checkpoint/files.ts'
import { problem, show } from '../../engine/checkpoint/problem.ts'
import { openSafetensorsFile, singleFile } from '../../engine/checkpoint/safetensors.ts'
import { ConfigError } from '../../engine/errors.ts'

export const stateFile = join('trainer', 'state.json')
export const momentsFile = join('trainer', 'moments.safetensors')

const count = z.int().nonnegative()

const stateSchema = z.object({
  version: z.literal(2),
  /** Index of the stage the run stands in; the number of stages when all are done. */
  stage: count,
  /** Steps done in that stage: the data cursor, the place in the schedules and the address of all that is random. */
  step: count,
  /** Steps done in all stages. */
  total: count,
  /** AdamW updates so far, for the bias correction. */
  updates: count,
  /** Whether the run still learns (standstill.ts). */
  learning: z.object({ skipped: count, dropped: count, updates: z.array(count) }),
  /** Coefficient of the entropy bonus (entropy-bonus.ts); absent where the stage has none. */
  entropyControl: z.object({ coefficient: z.number(), entropy: z.number().optional() }).optional(),
  /** Evaluations so far (evaluation/best.ts); absent where nothing was evaluated. */
  evaluation: z
    .object({
      at: z.record(z.string(), count),
      best: z
        .object({ stage: z.string(), step: count, of: z.string(), mode: z.enum(['max', 'min']), value: z.number(), total: count })
        .optional(),
      waited: count,
      ended: z.object({ stage: count, step: count }).optional(),
    })
    .optional(),
  seed: z.int(),
  /** What the model was made from: `scratch` or the hash of a checkpoint. Empty where its weights were never read. */
  base: z.string(),
  /** That the run asks teachers alone: its states hold no weights, which are those of the configuration throughout. */
  weights: z.literal('unchanged').optional(),
  /** Where adapters train: the hash of the frozen model below them. */
  below: z.string().optional(),
  /** Length of metrics.jsonl. */
  metricsBytes: count,
  /** The decisive part of the configuration (config-table.ts). */
  config: z.record(z.string(), z.string()),
})

export type TrainerState = z.infer<typeof stateSchema>

/** Name → CRC-32 (hex) of a file of a state. */
type Checksums = Record<string, string>

const fileSchema = stateSchema.extend({ files: z.record(z.string(), z.string()) })

/** Writes with `ops` and notes the checksum of every file; of tensors that of their header, which is written last. */
export function notingChecksums(ops: FileOps): { ops: FileOps; checksums(folder: string): Checksums } {
  const seen = new Map<string, number>()
  const noting: FileOps = {
    ...ops,
    async create(file) {
      const writer = await ops.create(file)
      seen.set(file, 0)
      return {
        ...writer,
        async write(data) {
          if (!isTensors(file)) seen.set(file, crc32(data, seen.get(file)))
          await writer.write(data)
        },
        async rewriteStart(data) {
          seen.set(file, crc32(data))
          await writer.rewriteStart(data)
        },
      }
    },
  }
  const checksums = (folder: string) =>
    Object.fromEntries([...seen].map(([file, checksum]) => [relative(folder, file), hexChecksum(checksum)]))
  return { ops: noting, checksums }
}

export function stateText(state: TrainerState, files: Checksums): string {
  const content = { ...state, files }
  return `${JSON.stringify({ ...content, crc32: checksumOf(content) }, null, 2)}\n`
}

function checksumOf(content: object): string {
  return hexChecksum(crc32(JSON.stringify(content)))
}

/**
 * Reads the state in `folder` and all that belongs to it.
 * @throws CheckpointError where anything is missing or not what was written, ConfigError where another version wrote it
 */
export async function readState(folder: string): Promise<TrainerState> {
  const file = join(folder, stateFile)
  const text = readTextIfPresent(file)
  if (text === undefined) throw problem({ file }, 'the state of a run', 'no such file')
  const { crc32: said, ...content } = parseJsonObject(text, file)
  const found = checksumOf(content)
  const older = said === undefined && content.version === 1
  if (!older && said !== found) throw problem({ file }, `content with the checksum ${show(said)}`, show(found), damaged)
  if (content.version !== 2) {
    throw new ConfigError(`${file} has version ${show(content.version)}, this pr1-train reads 2. Go on with the version that wrote it.`)
  }
  const parsed = fileSchema.safeParse(content)
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues
    throw problem({ file, key: path.join('.') }, 'what a run writes', `something else (${message})`, damaged)
  }
  const { files, ...state } = parsed.data
  checkPlace(state, folder, file)
  const needed = state.weights === 'unchanged' ? [] : [files[adapterWeightsFile] ? adapterWeightsFile : singleFile, momentsFile]
  for (const name of needed) if (!files[name]) throw problem({ file, key: 'files' }, `${name} among them`, 'it not', damaged)
  for (const [name, checksum] of Object.entries(files)) {
    const file = join(folder, name)
    const found = hexChecksum(isTensors(name) ? await tensorsChecksum(file) : textChecksum(file))
    if (found !== checksum) throw problem({ file }, `content with the checksum ${checksum}`, found, damaged)
  }
  return state
}

/** Stage and step must lie within the stages that the state itself names, and fit the name of its folder. */
function checkPlace(state: TrainerState, folder: string, file: string): void {
  const { stage, step, total, config } = state
  const stages = Object.keys(config).flatMap((path) => /^stages\.(.+)\.kind$/.exec(path)?.[1] ?? [])
  const refuse = (key: string, expected: string, found: number) => {
    throw problem({ file, key }, expected, `${found}`, damaged)
  }
  if (stage > stages.length) refuse('stage', `0 to ${stages.length}`, stage)
  // With `epochs` the rows decide how many steps there are.
  const steps = stage === stages.length ? 0 : Number(config[`stages.${stages[stage]}.steps`] ?? Number.POSITIVE_INFINITY)
  if (step > Math.min(steps, total)) refuse('step', `0 to ${Math.min(steps, total)}`, step)
  if (basename(folder) !== stateName(total)) refuse('total', `that of ${basename(folder)}`, total)
}

export function stateName(total: number): string {
  return `step-${String(total).padStart(8, '0')}`
}

function isTensors(file: string): boolean {
  return file.endsWith('.safetensors')
}

function textChecksum(file: string): number {
  try {
    return crc32(readFileSync(file))
  } catch (error) {
    throw fileProblem(file, error)
  }
}

async function tensorsChecksum(file: string): Promise<number> {
  const source = await openSafetensorsFile(file)
  try {
    return await source.verify()
  } finally {
    await source.close()
  }
}
