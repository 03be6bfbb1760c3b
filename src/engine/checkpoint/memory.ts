import { readFileSync } from 'node:fs'
import { freemem, totalmem } from 'node:os'
import { ConfigError } from '../errors.ts'
import { type ModelSpec, parameterCount } from '../spec.ts'
import { type OptimizerState, optimizerStates } from '../types.ts'
import { formatBytes, problem } from './problem.ts'

/** Free memory, the refusal of models that do not fit into it, and the KV cache and the steps that do. */

const defaultCacheTokens = 16384
/** Tokens of the smallest cache, and of the largest that is chosen where nobody asks for one. */
const [leastCacheTokens, mostCacheTokens] = [1024, 2 ** 20]
const pageTokens = 16

function readNumber(file: string, pattern = /^(\d+)/): number | undefined {
  try {
    const match = pattern.exec(readFileSync(file, 'utf8'))
    return match === null ? undefined : Number(match[1])
  } catch {
    return undefined
  }
}

/** What is left under the memory limit of this container, if it has one; the cache of files it read does not count as used. */
function underContainerLimit(): number {
  const version2 = ['memory.max', 'memory.current', 'memory.stat', /^inactive_file (\d+)/m] as const
  const version1 = [
    'memory/memory.limit_in_bytes',
    'memory/memory.usage_in_bytes',
    'memory/memory.stat',
    /^total_inactive_file (\d+)/m,
  ] as const
  for (const [limitFile, usedFile, statFile, cached] of [version2, version1]) {
    const limit = readNumber(`/sys/fs/cgroup/${limitFile}`)
    const used = readNumber(`/sys/fs/cgroup/${usedFile}`)
    if (limit !== undefined && used !== undefined)
      return Math.max(0, limit - used + (readNumber(`/sys/fs/cgroup/${statFile}`, cached) ?? 0))
  }
  return Number.POSITIVE_INFINITY
}

/** Bytes that this process can still get without swapping. */
export function availableMemory(): number {
  const kib = readNumber('/proc/meminfo', /^MemAvailable:\s+(\d+) kB/m)
  // Elsewhere "free" leaves out what the system would give back when asked (caches, inactive pages).
  const machine = kib === undefined ? Math.max(freemem(), totalmem() / 2) : kib * 1024
  return Math.min(machine, underContainerLimit())
}

/** Bytes of a gradient and the two moments of a weight. */
const trainingBytes: Record<OptimizerState, number> = { f32: 12, bf16: 8, '8bit': 6 }

interface MemoryCheck {
  /** Bytes; default: {@link availableMemory}. */
  available?: number
  /** Name of the GPU whose memory that is. Absent: it is this machine's. */
  gpu?: string
  /** Gradients, the two moments and a second packed copy must fit, too. */
  train?: boolean
  /** How moments are held. Default `f32`. */
  optimizerState?: OptimizerState
  /** Bytes a parameter of the packed copy that products read. Default 0. */
  packed?: number
  /** Whether float32 weights lie beside that copy. Default true. */
  masters?: boolean
  /** Bytes of all weights where they are held in blocks. Absent: they are float32. */
  blocks?: number
  /** Numbers in the adapters, where the weights themselves do not train. */
  adapterCount?: number
  /** Tokens of the KV cache that is asked for. Default 0: one that fits is chosen later. */
  cacheTokens?: number
}

/**
 * Refuses a model whose weights are larger than free memory, and a KV cache that does not fit beside them. Weights are float32 with a
 * packed copy (and, to train, gradients and moments), or that copy alone, or blocks.
 * @returns bytes that are left beside the model
 * @throws CheckpointError, or ConfigError for the cache, with the numbers
 */
export function checkMemory(
  spec: ModelSpec,
  where: string,
  {
    available = availableMemory(),
    gpu,
    train = false,
    optimizerState = 'f32',
    packed = 0,
    masters = true,
    blocks,
    adapterCount,
    cacheTokens = 0,
  }: MemoryCheck = {},
): number {
  const parameters = parameterCount(spec)
  const copy = parameters * packed
  const adapters = (state: OptimizerState): number => (adapterCount ?? 0) * (train ? 4 + trainingBytes[state] + 2 * packed : 4 + packed)
  const training = (state: OptimizerState): number => (adapterCount === undefined ? parameters * trainingBytes[state] : 0) + copy
  const need = (state: OptimizerState): number =>
    (blocks ?? parameters * (masters ? 4 : 0) + copy) + (train ? training(state) : 0) + adapters(state)
  const needed = need(optimizerState)
  if (needed <= available) {
    checkCache(spec, cacheTokens, available - needed, gpu)
    return available - needed
  }
  const held =
    blocks === undefined ? describeNeeds(parameters * 4, copy, training(optimizerState), masters) : `${formatBytes(blocks)} in blocks`
  const needs =
    adapterCount === undefined ? held : describeAdapters(blocks ?? copy, train ? training(optimizerState) : 0, adapters(optimizerState))
  // The first that fits keeps the most bits.
  const lighter = train ? optimizerStates.find((state) => need(state) < needed && need(state) <= available) : undefined
  const next = [
    lighter && `With optimizerState: ${lighter} it needs ${formatBytes(need(lighter))} in all.`,
    gpu && train && adapterCount === undefined && 'Adapters (lora) need far less, and train with device: cpu.',
    `${lighter ? 'Or use' : 'Use'} a smaller model, or a ${gpu ? 'GPU' : 'machine'} with more memory.`,
  ]
  const found = `${formatBytes(available)} free on ${gpu ?? 'this machine'}`
  throw problem({ file: where }, `a model that fits into memory; it needs ${needs}`, found, next.filter(Boolean).join(' '))
}

function describeNeeds(weights: number, copy: number, training: number, masters: boolean): string {
  const packed = `${formatBytes(copy)} packed for products`
  if (!masters) return `${packed} (+ ${formatBytes(weights + training)} to train)`
  return `${formatBytes(weights)} as float32${copy > 0 ? ` and ${packed}` : ''} (+ ${formatBytes(training)} to train)`
}

function describeAdapters(weights: number, training: number, adapters: number): string {
  const gradients = training > 0 ? `, ${formatBytes(training)} for gradients of their inputs` : ''
  return `${formatBytes(weights)} of frozen weights${gradients}, ${formatBytes(adapters)} for adapters`
}

function checkCache(spec: ModelSpec, cacheTokens: number, room: number, gpu?: string): void {
  const perToken = gpu === undefined ? cacheBytesPerToken(spec) : gpuCacheBytesPerToken(spec)
  const bytes = cacheTokens * perToken
  if (!(bytes > room)) return
  throw new ConfigError(
    `The KV cache must fit into memory beside the model. Got cacheTokens: ${cacheTokens}, which takes ${formatBytes(bytes)} of ${formatBytes(room)} free${gpu ? ` on ${gpu}` : ''}. Use ${Math.floor(room / perToken)} or less, or leave it out.`,
  )
}

/** Keys and values of one token in float32. */
function cacheBytesPerToken({ layers, kvHeads, headDim }: ModelSpec): number {
  return 8 * layers.length * kvHeads * headDim
}

/** The same on a GPU: bfloat16, heads of 64 or 128 numbers. */
export function gpuCacheBytesPerToken({ layers, kvHeads, headDim }: ModelSpec): number {
  return 4 * layers.length * kvHeads * (headDim <= 64 ? 64 : 128)
}

/** Tokens of the default KV cache, halved until it takes at most a quarter of the memory that is free. */
export function affordableCache(spec: ModelSpec, available = availableMemory()): number {
  const bytesPerToken = cacheBytesPerToken(spec)
  let tokens = defaultCacheTokens
  while (tokens > leastCacheTokens && tokens * bytesPerToken > available / 4) tokens /= 2
  return tokens
}

/**
 * The same on a GPU, whose memory nothing else needs: half of what the model leaves, or a quarter where it trains, too, since activations
 * come beside it. `room`: bytes of {@link checkMemory}.
 */
export function gpuCache(spec: ModelSpec, room: number, train: boolean): number {
  const tokens = Math.floor(room / (train ? 4 : 2) / gpuCacheBytesPerToken(spec) / pageTokens) * pageTokens
  return Math.min(mostCacheTokens, Math.max(leastCacheTokens, tokens))
}

/**
 * Tokens of a step that keep a GPU busy, 512 … 4,096: so many that what the layers write for them takes at most a sixteenth of what the
 * model leaves. More than a few thousand save nothing: each weight is read once a step, and is then used as often as the units multiply.
 */
export function gpuStepTokens(spec: ModelSpec, room: number): number {
  const { hiddenSize, intermediateSize, headDim, heads, kvHeads } = spec
  const width = (heads + 2 * kvHeads) * headDim
  // Streams and norms; q, k and v before and after rotation; gate and up, the gated; float32, and bfloat16 copies of what products read.
  const perToken = 4 * (4 * hiddenSize + 3 * width + 3 * intermediateSize) + 4 * Math.max(intermediateSize, width)
  let tokens = 4096
  while (tokens > 512 && tokens * perToken > room / 16) tokens /= 2
  return tokens
}
