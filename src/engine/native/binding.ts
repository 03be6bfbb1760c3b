import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FullUpdate } from '../checks.ts'
import type { BlockType } from '../gguf/types.ts'
import type { Drawn, Scored } from '../model.ts'
import type { ModelSpec, TensorSpec } from '../spec.ts'
import type { AdapterPart, UpdateResult } from '../types.ts'
import { requireAddon } from './locate.ts'

/** What native/addon.cpp exports. It guards against what would crash the process; everything else is checked above. Shapes are those of ../types.ts. */
export interface NativeAddon {
  /**
   * With a library: on the GPU that it finds; throws with code PR1_CUDA and the reason where there is none. The last argument is
   * its numerics, without a library the precision of the CPU.
   */
  NativeEngine: new (
    threads: number,
    isa: string,
    cudaLibrary: string | undefined,
    numericsOrPrecision: string,
    blockRows?: 'auto' | 'float32',
  ) => NativeEngineHandle
  /** What this CPU has, the widest first. */
  instructionSets: string[]
  /** The fastest of them. */
  bestInstructionSet(precision: 'f32' | 'bf16'): string
  /** Why matrix units that this CPU has cannot be used. */
  refused?: string
}

export interface NativeEngineHandle {
  readonly isa: string
  readonly threads: number
  /** Whether its models read their weights from files, and need no float32 copy of them to decode. */
  readonly loadsFiles: boolean
  /** What rows become in products with weights in blocks; `auto`: 8 bits where the CPU has instructions for it. */
  readonly blockRows: 'int8' | 'float32'
  readonly gpu?: NativeGpu
  /** Bytes on the GPU: held by the engine's arrays now and at most, taken from the device, free on it. */
  memory(): { used: number; most: number; held: number; free: number } | undefined
  /** types: of the blocks of every matrix, where they are held in blocks; then the model does not train, whatever `trains` says. */
  createModel(
    spec: ModelSpec,
    options: {
      cacheTokens: number
      recompute: boolean
      trains: boolean
      /** Of AdamW: 0 float32, 1 bfloat16, 2 eight bits. */
      moments: number
      types?: Record<string, BlockType>
      /** Beside weights that do not train then, whatever `trains` says: it is about the adapters. */
      adapters?: NativeAdapters
    },
  ): Promise<NativeModelHandle>
  dispose(): void
}

interface NativeGpu {
  name: string
  /** Who computes large products. */
  products: string
  /** Products of cuBLASLt so far, and those that it refused and our kernels computed; the shape and reason of the last one. */
  computed: number
  refused: number
  lastRefusal: string
  /** What the environment switched off; empty: nothing. */
  switched: string
  multiprocessors: number
  totalBytes: number
}

export interface NativeAdapters {
  /** a (rank, in), b (out, rank) */
  parts: (AdapterPart & { a: TensorSpec; b: TensorSpec })[]
  /** Ascending ids whose rows of the embedding, and of a head tied to it, are `rows` (tokens, hidden). */
  tokens?: Int32Array
  rows?: TensorSpec
}

export interface NativeBatch {
  ids: Int32Array
  positions: Int32Array
  bounds: Int32Array
  hidden: Int32Array
  hiddenLevels: number
  targets: Uint8Array
  exclusion: Int32Array
  exclusionOffsets: Int32Array
  exclusionIds: Int32Array
  temperature: number
}

export interface NativeModelHandle {
  /** Of the spec, then of adapters. */
  readonly parameters: TensorSpec[]
  updates: number
  /** A FlatStep; sampling: 7 numbers an input: temperature (below 0: none), topK, topP, seed, stream, exclude set (−1: none), drafts. */
  step(
    ids: Int32Array,
    positions: Int32Array,
    counts: Int32Array,
    runCounts: Int32Array,
    runs: Int32Array,
    sampling: Float64Array,
    excludeOffsets: Int32Array,
    excludeIds: Int32Array,
  ): Promise<Drawn>
  /** base: without adapters. */
  forward(batch: NativeBatch, keep: boolean, entropy: boolean, base?: boolean): Promise<Scored>
  /** entropyWeights: where the last forward gave entropies. layers: down how many it goes, default all. Resolves with how many are left. */
  backward(weights: Float32Array, entropyWeights?: Float32Array, layers?: number): Promise<number>
  /** Goes on with it. */
  backwardOn(layers: number): Promise<number>
  update(options: FullUpdate): Promise<UpdateResult>
  plan(tokens: number): { weights: number; adapters: number; gradients: number; moments: number; cache: number; activations: number }
  /** kind: 0 weight, 1 gradient, 2 first moment, 3 second moment. */
  read(parameter: number, kind: number): Float32Array
  /** Rows of a matrix, (rows, width). */
  readRows(parameter: number, rows: Int32Array): Float32Array
  /** Quantises what is held in blocks; a block with a number that is not finite is NaN. */
  write(parameter: number, kind: number, values: Float32Array): void
  /** Rows of the blocks that the parameter is held in; false where a scale is not finite. */
  writeBlocks(parameter: number, rows: Uint8Array): boolean
  /**
   * Fills parameters from files, where the engine loads them. types: 0 F32, 1 F16, 2 BF16; checksums (n, 2): CRC-32 before the first byte and
   * after the last, −1: none. The index of a tensor that cannot be read or is not as it should be, else −1.
   */
  load(parameters: Int32Array, descriptors: Int32Array, offsets: Float64Array, types: Int32Array, checksums: Float64Array): Promise<number>
  addGradient(parameter: number, values: Float32Array): void
  dispose(): Promise<void>
}

// This file lies at src/engine/native or dist/engine/native: three levels below the package either way.
const packageRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..')

/** What builds the CUDA library, in a clone and in a project that uses the package. */
export function cudaCommand(): string {
  return existsSync(path.join(packageRoot, 'src')) ? 'npm run build:cuda' : 'npx pr1-cuda'
}

/** Where that command puts it; PR1_CUDA names another. */
export function cudaLibrary(): string {
  return process.env.PR1_CUDA || path.join(packageRoot, 'prebuilds', `${process.platform}-${process.arch}`, 'parallel_r1_cuda.so')
}

let loaded: NativeAddon | undefined

/** The addon, loaded once. Throws `UnavailableError` with the way to get it where there is none. */
export function loadAddon(): NativeAddon {
  loaded ??= requireAddon(packageRoot) as NativeAddon
  return loaded
}
