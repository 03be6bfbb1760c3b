/**
 * The two interfaces that every engine offers, decode and train, and the data they exchange.
 *
 * Everything that differs between devices sits below them; everything that is the method (who sees whom, when to fork,
 * what a loss is) sits above. Arrays are flat and typed: T tokens, shapes in comments. What a model is stands in model-config.ts
 * (of its checkpoint) and spec.ts (of its family).
 */

import type { NonFiniteError } from './errors.ts'
import type { Blocks, BlockType } from './gguf/types.ts'
import type { ModelConfig } from './model-config.ts'
import type { ParameterSpec, TensorSpec } from './spec.ts'

export type Device = 'auto' | 'cpu' | 'cuda' | 'tfjs'

/** `auto` takes the best the device has; what a device lacks is refused with the reason. `stored` keeps the blocks of a GGUF file, with rows in float32. int8 and int4 decode and score only. */
export type Precision = 'auto' | 'f32' | 'bf16' | 'stored' | 'int8' | 'int4'

/** See {@link EngineOptions.numerics}. */
export type Numerics = 'exact' | 'fast'

export interface EngineOptions {
  device?: Device
  precision?: Precision
  /** Worker threads; default: the number of usable cores. */
  threads?: number
  /**
   * `exact` (default): a token's arithmetic does not depend on its batch, so sampled and training log-probabilities are
   * equal; `fast`, on CUDA only: large products may be computed by cuBLASLt in forward passes, too.
   */
  numerics?: Numerics
}

export interface EngineInfo {
  device: 'cpu' | 'cuda' | 'tfjs'
  /** `blocks`: weights are held in the blocks that their file stores, `blocks-int8`: and rows are rounded to 8 bits beside them. */
  precision: 'f32' | 'bf16' | 'int8' | 'int4' | 'blocks' | 'blocks-int8'
  /** Vector instructions in use, e.g. `avx512`, `avx2`, `neon`, `portable`. */
  isa: string
  threads: number
  /** Why this device and this precision, one line. */
  reason: string
}

/** The adapter beside one linear layer: y = W x + scale · B A x, arXiv 2106.09685. */
export interface AdapterPart {
  /** Name of the weight that it stands beside, e.g. `model.layers.0.self_attn.q_proj.weight`. */
  weight: string
  /** Rows of A and columns of B. */
  rank: number
  /** alpha / rank, or alpha / √rank where it is rank-stabilised (arXiv 2312.03732). */
  scale: number
}

/** Low-rank adapters (LoRA) of a model, and the rows of its embedding that are its own beside them. */
export interface Adapters {
  parts: readonly AdapterPart[]
  /** Token ids whose rows of the embedding, and of a head tied to it, are the adapter's: PEFT's `trainable_token_indices`. Ascending. */
  tokens?: readonly number[]
  /**
   * Tensors by the weight's name less `.weight`: `<layer>.lora_A.weight` (rank, in), `<layer>.lora_B.weight` (out, rank) and
   * `<embedding>.trainable_tokens` (tokens, hidden). Absent: they begin as PEFT's do, A at random, B zero, rows as the base has them.
   */
  weights?: WeightSource
  /** (tokens, hidden) what the rows begin with, where there are no `weights`. Absent: as the base has them. */
  rows?: Float32Array
  /** Of what begins at random. Any safe integer, default 0. */
  seed?: number
}

/**
 * What the two moments of AdamW take: 8, 4 or about 2 bytes a weight. `bf16`: bfloat16. `8bit`: small floating-point numbers with a scale
 * for 256 of them (arXiv 2110.02861). Both are rounded up or down at random in proportion, from the number of the update alone, so
 * equal runs have equal bits.
 */
export const optimizerStates = ['f32', 'bf16', '8bit'] as const
export type OptimizerState = (typeof optimizerStates)[number]

export interface LoadOptions {
  /**
   * Capacity of the KV cache in tokens, allocated at the first step. Default: 16384, less if memory is short. On CUDA half of what the
   * model leaves of the GPU's memory, or a quarter where it trains; 1048576 at most.
   */
  cacheTokens?: number
  /**
   * To train: float32 weights are kept, and gradients and moments follow at the first `forward` that keeps state. Without it the model
   * decodes and scores, and the native CPU engine holds its weights only as products read them. Default: `load` does not, `create` does.
   */
  train?: boolean
  /** How the moments of AdamW are held, default `f32`. Native CPU engine: elsewhere others are refused. */
  optimizerState?: OptimizerState
  /** Keep only each layer's input in `forward` and compute the rest again in `backward`. */
  recompute?: boolean
  /** Kept apart from the weights, which are frozen: `parameters` are the adapters' own, and only they train. Native CPU engine. */
  adapters?: Adapters
}

/** Where the weights of a model come from: files of some format, or another source that is changed as it is read. Holds nothing open. */
export interface WeightSource {
  /** Every tensor that can be read, in the shape it is read in. */
  readonly specs: readonly TensorSpec[]
  /** Types of the tensors whose blocks can be read as they are stored, see {@link WeightReader.readBlocks}. Absent: there are none. */
  readonly blockTypes?: ReadonlyMap<string, BlockType>
  /** Opens what holds the tensors and checks it, before the first is read. Throws `CheckpointError` naming file, tensor, expected and found. */
  open(): Promise<WeightReader>
}

/** Where a file holds the numbers of a tensor, row-major. */
export interface StoredNumbers {
  /** Open as long as the reader is. */
  descriptor: number
  /** Of the first byte. */
  offset: number
  type: 'F32' | 'F16' | 'BF16'
  /** CRC-32 before the first byte and after the last, where the file says so. */
  checksum?: { start: number; end: number }
}

export interface WeightReader {
  /** The tensor as float32, row-major, in an array that the caller may keep, change or hand over. */
  read(name: string): Promise<Float32Array>
  /**
   * The same tensor as the file stores it, where that is blocks of quantised or short numbers: rows (out, in) in Hugging Face's order, row
   * by row. Undefined where the source changes the numbers as it reads them. Absent: it holds no blocks.
   */
  readBlocks?(name: string): Promise<Blocks | undefined>
  /** Where the tensor lies, for an engine that reads files itself. Absent: nowhere, since the source changes what it reads or has it in another form. */
  stored?(name: string): StoredNumbers
  close(): Promise<void>
}

/** What an engine takes of an opened checkpoint. */
export interface Loadable {
  /** Its place, for messages. */
  folder: string
  config: ModelConfig
  weights: WeightSource
  /** What the folder holds of adapters; an engine that does not keep them apart gets them merged. */
  adapters?: Adapters
}

/** Weights for a model that is made rather than loaded: every parameter, float32, row-major. */
export type InitialWeights = (spec: ParameterSpec) => Float32Array

/** Memory of a device that has its own. */
export interface DeviceMemory {
  name: string
  /** Bytes: of the device, of this engine's models and work space, and what else they can get. */
  total: number
  used: number
  free: number
}

export interface Engine {
  readonly info: EngineInfo
  /** Where models lie in memory of a device. Undefined: they lie in the machine's. */
  deviceMemory?(): DeviceMemory | undefined
  /** The same for a model that `load` makes of this checkpoint: its weights may be held as they are stored. */
  infoFor(checkpoint: Loadable, options?: LoadOptions): EngineInfo
  /** Loads a checkpoint, or the Hugging Face folder of this name. Throws `CheckpointError` naming file, tensor, expected and found. */
  load(checkpoint: Loadable | string, options?: LoadOptions): Promise<Model>
  create(config: ModelConfig, weights: InitialWeights, options?: LoadOptions): Promise<Model>
  /** Releases every model and the threads. Idempotent. */
  dispose(): Promise<void>
}

/** Handle of a sequence in the KV cache. */
export type Sequence = number

/** Half-open range of tokens, counted from the beginning of a sequence. */
export type TokenRange = readonly [from: number, to: number]

export interface Sampling {
  /** 0 is greedy (the lowest id wins a tie). */
  temperature: number
  /** 0 or absent: off. */
  topK?: number
  /** 1 or absent: off. */
  topP?: number
  /** Ids that may not be sampled; they also leave the log-softmax. */
  exclude?: readonly number[]
  /** Any safe integer. */
  seed: number
  /** Distinguishes sequences of one request (parent 0, then one number a path), 0 … 2^31−1. */
  stream: number
}

/**
 * New tokens of one sequence: a prompt, a chunk of one, or one token. The next token is sampled after the last of
 * them if `sampling` is given. The generator is keyed by (seed, stream, last position), so the draw does not depend on
 * what else is in the batch.
 */
export interface StepInput {
  sequence: Sequence
  ids: ArrayLike<number>
  /** RoPE position of each id. */
  positions: ArrayLike<number>
  sampling?: Sampling
  /**
   * So many of the last ids are guesses (speculative decoding, arXiv 2211.17192): a token is sampled after the id before them and after each
   * of them, keyed by its own position. {@link Model.truncate} takes back those that were not drawn. Default 0; more only with `sampling` and
   * where {@link Model.draftRowCost} is a number.
   */
  drafts?: number
}

export interface StepOutput {
  /** −1 where nothing was sampled, because nothing was asked for or because of `error`. */
  id: number
  /**
   * log p(id) under softmax(logits / temperature) without the excluded ids, before top-k and top-p; temperature 0
   * reports at temperature 1. Equal bit for bit to what `forward` returns for the same context.
   */
  logprob: number
  /** Its logits are not finite. The other inputs of the step are what they are without this one. */
  error?: NonFiniteError
  /** What was sampled after each guess, in order; id and log-probability above are then those before the first. */
  afterDrafts?: StepOutput[]
}

/** Packed sequences. All arrays have T entries unless said otherwise. */
export interface TrainBatch {
  ids: Int32Array
  positions: Int32Array
  /** Start of every packed sequence, then T. */
  bounds: Int32Array
  /** (T, hiddenLevels, 2): half-open ranges of packed indices that a token must not attend to, besides the causal rule. Empty: [0, 0). Ascending and disjoint per token. */
  hidden?: Int32Array
  hiddenLevels?: number
  /** 1 where the log-probability of ids[i + 1] is wanted; absent: everywhere. Elsewhere 0 is returned and no head is computed. */
  targets?: Uint8Array
  /** Index into `exclusionSets` per token, −1 or absent: nothing excluded when ids[i + 1] was sampled. */
  exclusion?: Int32Array
  exclusionSets?: readonly (readonly number[])[]
  /** Logits are divided by it before the log-softmax. Default 1. */
  temperature?: number
}

export interface ForwardOptions {
  /** Keep what `backward` needs. Default true; false for scoring only. */
  keep?: boolean
  /** Also return entropies. Default false. */
  entropy?: boolean
  /** Leave the adapters out: what the frozen base gives, to score only. Default false. */
  base?: boolean
}

export interface ForwardResult {
  /** (T) log p(ids[i + 1] | what token i sees); 0 at the last token of a sequence and where not wanted. */
  logprobs: Float32Array
  /** (T) entropy of the same distribution in nats, if asked for. */
  entropies?: Float32Array
}

export interface BackwardOptions {
  /** No other backward adds to the gradient before somebody takes it. A model need not know; who sends the gradient away does. */
  last?: boolean
  /**
   * Told now and then, while the backward stands still, that it has done with the gradients of this layer and of those above. It may read them.
   * Engines that cannot stop don't tell.
   */
  reached?: (layer: number) => void
}

export interface UpdateOptions {
  lr: number
  /** Default [0.9, 0.95]. */
  betas?: readonly [number, number]
  /** Default 1e-8. */
  eps?: number
  /** Decoupled, applied to every parameter. Default 0. */
  weightDecay?: number
  /** Maximum global gradient norm; 0 or absent: none. */
  clip?: number
}

export interface UpdateResult {
  /** Global L2 norm before clipping. */
  gradNorm: number
  /** True when a gradient was not finite: nothing changed and the gradients are cleared. */
  skipped: boolean
}

export interface MemoryPlan {
  weights: number
  /** Numbers of the adapters with the copies that products read; absent where there are none. */
  adapters?: number
  gradients: number
  moments: number
  cache: number
  activations: number
  total: number
}

/** What a model holds of every parameter; float32, row-major, as many as its shape has entries. */
export type ParameterKind = 'weight' | 'gradient' | 'moment1' | 'moment2'

export interface Model {
  readonly config: ModelConfig
  readonly parameters: readonly ParameterSpec[]
  readonly parameterCount: number
  readonly cacheCapacity: number
  /** Tokens that can still be stored. Slots are handed out in pages of {@link cachePage} tokens. */
  readonly cacheFree: number
  readonly cachePage: number
  /** Tokens of a step that keep the device busy, where prompts wait. Absent: 512. */
  readonly stepTokens?: number

  // Decode. These are bookkeeping and synchronous: no key or value moves.
  create(): Sequence
  /** n sequences that share everything `sequence` holds so far, but for the `hidden` tokens: ranges that ascend and are disjoint. */
  fork(sequence: Sequence, n: number, hidden?: readonly TokenRange[]): Sequence[]
  /** Appends to `parent`, in order, what each child holds beyond the parent; frees the children. */
  join(parent: Sequence, children: readonly Sequence[]): void
  free(sequence: Sequence): void
  /** Tokens that a sequence holds. */
  length(sequence: Sequence): number
  /** Takes back the last n tokens of a sequence. Forks that share them keep them. */
  truncate(sequence: Sequence, n: number): void
  /** What one more row adds to the time of a step of one row, as a part of it, about. Undefined: steps take no {@link StepInput.drafts}. */
  readonly draftRowCost: number | undefined
  /** Rejects with `CacheFullError` before any effect when the cache cannot hold the new tokens. */
  step(inputs: readonly StepInput[]): Promise<StepOutput[]>

  // Train.
  /** Rejects with `NonFiniteError` where logits of a target are not finite. */
  forward(batch: TrainBatch, options?: ForwardOptions): Promise<ForwardResult>
  /**
   * weights (T): dLoss/dLogprob of the last kept forward. entropyWeights (T): dLoss/dEntropy, where that forward was asked for
   * entropies. Accumulates gradients.
   */
  backward(weights: Float32Array, entropyWeights?: Float32Array, options?: BackwardOptions): Promise<void>
  update(options: UpdateOptions): Promise<UpdateResult>
  /** Bytes that training on `tokens` packed tokens needs, by part. */
  memoryPlan(tokens: number): MemoryPlan

  // Parameters, gradients and optimizer state, copied. Each of these calls waits for what was queued before.
  /** Default: the weight. Gradients and moments that nothing was written to are zeros. */
  read(name: string, what?: ParameterKind): Float32Array
  write(name: string, values: Float32Array, what?: ParameterKind): void
  /** Gradient += values, one float32 sum an entry: what another machine's `backward` gave, for example. */
  accumulate(name: string, values: Float32Array): void
  /** Number of AdamW updates applied so far (bias correction); set when a run is resumed. */
  updates: number

  dispose(): Promise<void>
}
