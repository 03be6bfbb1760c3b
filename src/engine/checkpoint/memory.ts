import { readFileSync } from 'node:fs'
import { freemem, totalmem } from 'node:os'
import { ConfigError } from '../errors.ts'
import { type ModelSpec, parameterCount } from '../spec.ts'
import type { OptimizerState } from '../types.ts'
import { formatBytes, problem } from './problem.ts'

/** Free memory, the refusal of models that do not fit into it, and the KV cache that does. */

const defaultCacheTokens = 16384

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

export interface MemoryCheck {
  /** Bytes; default: {@link availableMemory}. */
  available?: number
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
 * @throws CheckpointError, or ConfigError for the cache, with the numbers
 */
export function checkMemory(
  spec: ModelSpec,
  where: string,
  {
    available = availableMemory(),
    train = false,
    optimizerState = 'f32',
    packed = 0,
    masters = true,
    blocks,
    adapterCount,
    cacheTokens = 0,
  }: MemoryCheck = {},
): void {
  const parameters = parameterCount(spec)
  const copy = parameters * packed
  // A gradient, and the moments.
  const beside = 4 + { f32: 8, bf16: 4, '8bit': 2 }[optimizerState]
  const adapters = (adapterCount ?? 0) * (train ? 4 + beside + 2 * packed : 4 + packed)
  const training = adapterCount === undefined ? parameters * beside + copy : copy
  const needed = (blocks ?? parameters * (masters ? 4 : 0) + copy) + (train ? training : 0) + adapters
  if (needed <= available) {
    checkCache(spec, cacheTokens, available - needed)
    return
  }
  const held = blocks === undefined ? describeNeeds(parameters * 4, copy, training, masters) : `${formatBytes(blocks)} in blocks`
  const needs = adapterCount === undefined ? held : describeAdapters(blocks ?? copy, train ? training : 0, adapters)
  const next = 'Use a smaller model, or a machine with more memory.'
  throw problem({ file: where }, `a model that fits into memory; it needs ${needs}`, `${formatBytes(available)} free on this machine`, next)
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

function checkCache(spec: ModelSpec, cacheTokens: number, room: number): void {
  const bytes = cacheTokens * cacheBytesPerToken(spec)
  if (!(bytes > room)) return
  throw new ConfigError(
    `The KV cache must fit into memory beside the model. Got cacheTokens: ${cacheTokens}, which takes ${formatBytes(bytes)} of ${formatBytes(room)} free. Use ${Math.floor(room / cacheBytesPerToken(spec))} or less, or leave it out.`,
  )
}

/** Keys and values of one token in float32. */
function cacheBytesPerToken({ layers, kvHeads, headDim }: ModelSpec): number {
  return 8 * layers.length * kvHeads * headDim
}

/** Tokens of the default KV cache, halved until it takes at most a quarter of the memory that is free. */
export function affordableCache(spec: ModelSpec, available = availableMemory()): number {
  const bytesPerToken = cacheBytesPerToken(spec)
  let tokens = defaultCacheTokens
  while (tokens > 1024 && tokens * bytesPerToken > available / 4) tokens /= 2
  return tokens
}
