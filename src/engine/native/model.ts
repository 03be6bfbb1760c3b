import { formatBytes, problem } from '../checkpoint/problem.ts'
import type { FullUpdate } from '../checks.ts'
import { ConfigError, OutOfMemoryError, ParallelR1Error, UnavailableError } from '../errors.ts'
import { type Blocks, blockBytes } from '../gguf/types.ts'
import { CheckedModel, type Drawn, type FlatStep, type ModelOptions, type Scored } from '../model.ts'
import type { ModelConfig } from '../model-config.ts'
import { elementCount, type ModelSpec, type ParameterSpec, parametersOf } from '../spec.ts'
import type { MemoryPlan, ParameterKind, StepInput, StoredNumbers, TrainBatch, UpdateResult } from '../types.ts'
import type { NativeModelHandle } from './binding.ts'
import { type Held, writableTypes } from './held.ts'

const kinds: Record<ParameterKind, number> = { weight: 0, gradient: 1, moment1: 2, moment2: 3 }
/** As native/blocks.h numbers them. */
const numberTypes = ['F32', 'F16', 'BF16'] as const satisfies readonly StoredNumbers['type'][]
const noInts = new Int32Array(0)
const noBytes = new Uint8Array(0)

interface NativeModelOptions extends ModelOptions {
  /** In which blocks its matrices are held; absent: float32. */
  held?: Held
  draftRowCost: number | undefined
  stepTokens: number | undefined
}

/** One model in the addon: flattens sampling, names parameters, turns error codes into this package's errors. */
export class NativeModel extends CheckedModel {
  private readonly handle: NativeModelHandle
  private readonly index: ReadonlyMap<string, number>
  readonly held: Held | undefined
  /** Parameters of the configuration: where there are adapters, they are not the model's to train. */
  readonly weights: readonly ParameterSpec[]
  private readonly adapted: boolean
  readonly draftRowCost: number | undefined
  readonly stepTokens?: number
  private readonly trains: boolean
  /** Whether its cache, and gradients and moments, have been allocated. */
  private stepped = false
  private trained = false

  constructor(config: ModelConfig, spec: ModelSpec, handle: NativeModelHandle, options: NativeModelOptions) {
    super(config, spec, options)
    this.handle = handle
    this.held = options.held
    this.weights = parametersOf(spec)
    this.adapted = options.adapters !== undefined
    this.draftRowCost = options.draftRowCost
    this.stepTokens = options.stepTokens
    this.trains = options.noTraining === undefined
    this.index = new Map(handle.parameters.map(({ name }, i) => [name, i]))
  }

  get updates(): number {
    return translated(() => this.handle.updates)
  }
  set updates(n: number) {
    translated(() => {
      this.handle.updates = n
    })
  }

  protected runStep(inputs: readonly StepInput[], { ids, positions, counts, runCounts, runs }: FlatStep): Promise<Drawn> {
    const sampling = new Float64Array(inputs.length * 7)
    // Inputs of one decoder share their exclusion arrays: each is sent once.
    const sets: (readonly number[])[] = []
    for (let i = 0; i < inputs.length; i++) {
      const s = inputs[i].sampling
      sampling[i * 7] = s ? s.temperature : -1
      if (!s) continue
      sampling[i * 7 + 1] = s.topK ?? 0
      sampling[i * 7 + 2] = s.topP ?? 1
      sampling[i * 7 + 3] = s.seed
      sampling[i * 7 + 4] = s.stream
      sampling[i * 7 + 5] = -1
      sampling[i * 7 + 6] = inputs[i].drafts ?? 0
      if (s.exclude && s.exclude.length > 0) {
        let set = sets.indexOf(s.exclude)
        if (set < 0) set = sets.push(s.exclude) - 1
        sampling[i * 7 + 5] = set
      }
    }
    const { offsets, values } = flattenSets(sets)
    this.stepped = true
    return translatedAsync(() => this.handle.step(ids, positions, counts, runCounts, runs, sampling, offsets, values))
  }

  protected runForward(batch: TrainBatch, keep: boolean, entropy: boolean, base: boolean): Promise<Scored> {
    const { offsets, values } = flattenSets(batch.exclusionSets ?? [])
    if (keep) this.trained = true
    const { ids, positions, bounds, hidden, targets = noBytes, exclusion = noInts, temperature = 1 } = batch
    return this.planned(() =>
      this.handle.forward(
        {
          ...{ ids, positions, bounds, targets, exclusion, temperature },
          hidden: hidden ?? noInts,
          hiddenLevels: hidden ? (batch.hiddenLevels ?? 1) : 0,
          exclusionOffsets: offsets,
          exclusionIds: values,
        },
        keep,
        entropy,
        base,
      ),
    )
  }

  /** In one piece, or a layer at a time where somebody wants to be told. */
  protected runBackward(weights: Float32Array, entropyWeights?: Float32Array, reached?: (layer: number) => void): Promise<void> {
    return this.planned(async () => {
      let left = await this.handle.backward(weights, entropyWeights, reached && 1)
      for (; left > 0; left = await this.handle.backwardOn(1)) reached!(left)
    })
  }

  protected runUpdate(options: FullUpdate): Promise<UpdateResult> {
    return translatedAsync(() => this.handle.update(options))
  }

  protected runRead(name: string, what: ParameterKind): Float32Array {
    return translated(() => this.handle.read(this.index.get(name)!, kinds[what]))
  }
  protected runWrite(name: string, what: ParameterKind, values: Float32Array): void {
    const type = this.held?.get(name)
    if (type && !writableTypes.has(type)) {
      throw new ConfigError(
        `${name} is held in ${type} blocks, and nothing is quantised to those here. Load the model with precision: f32, bf16, int8 or int4 to write to it.`,
      )
    }
    translated(() => this.handle.write(this.index.get(name)!, kinds[what], values))
  }

  /** Rows of a matrix, whether it trains or not: (rows, width). */
  readRows(name: string, rows: readonly number[]): Float32Array {
    return translated(() => this.handle.readRows(this.index.get(name)!, Int32Array.from(rows)))
  }

  /** Fills one of `weights`, whether it trains or not. */
  fill(name: string, values: Float32Array): void {
    this.runWrite(name, 'weight', values)
  }

  /**
   * Fills a matrix with the blocks that it is held in, its rows one behind the other.
   * @throws CheckpointError where they are of another type or size, or a scale is not finite
   */
  writeBlocks(name: string, { type, bytes }: Blocks): void {
    const [place, held] = [{ file: this.checkpoint, tensor: name }, this.held?.get(name)]
    if (type !== held) throw problem(place, held ? `${held} blocks` : 'float32 numbers', `${type} blocks`)
    const { shape } = this.weights.find((parameter) => parameter.name === name)!
    const expected = blockBytes(type, elementCount(shape))
    if (bytes.length !== expected) throw problem(place, `${expected} bytes of ${type} blocks`, `${bytes.length}`)
    if (translated(() => this.handle.writeBlocks(this.index.get(name)!, bytes))) return
    throw problem(place, 'finite numbers', `${type} blocks with a scale that is NaN or infinite`)
  }

  /** Fills parameters with numbers that lie in files. Returns the name of one that is not as it should be. */
  async load(tensors: readonly { name: string; place: StoredNumbers }[]): Promise<string | undefined> {
    const ints = (of: (tensor: (typeof tensors)[number]) => number) => Int32Array.from(tensors, of)
    const wrong = await translatedAsync(() =>
      this.handle.load(
        ints(({ name }) => this.index.get(name)!),
        ints(({ place }) => place.descriptor),
        Float64Array.from(tensors, ({ place }) => place.offset),
        ints(({ place }) => numberTypes.indexOf(place.type)),
        Float64Array.from(tensors.flatMap(({ place: { checksum } }) => (checksum ? [checksum.start, checksum.end] : [-1, -1]))),
      ),
    )
    return tensors[wrong]?.name
  }

  protected runAccumulate(name: string, values: Float32Array): void {
    translated(() => this.handle.addGradient(this.index.get(name)!, values))
  }

  protected release(): Promise<void> {
    return this.handle.dispose()
  }

  memoryPlan(tokens: number): MemoryPlan {
    const { adapters, ...plan } = translated(() => this.handle.plan(tokens))
    const total = plan.weights + adapters + plan.gradients + plan.moments + plan.cache + plan.activations
    return { ...plan, ...(this.adapted && { adapters }), total }
  }

  /** Bytes that its cache, gradients and moments will take and do not take yet. */
  get owed(): number {
    const { cache, gradients, moments } = this.memoryPlan(this.trains ? 1 : 0)
    return (this.stepped ? 0 : cache) + (this.trained ? 0 : gradients + moments)
  }

  /** Out of memory names the plan of the batch at hand. */
  private async planned<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await translatedAsync(call)
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error
      const parts = Object.entries(this.memoryPlan(this.tokens)).map(([part, bytes]) => `${part} ${formatBytes(bytes)}`)
      throw new OutOfMemoryError(`${error.message} The plan for ${this.tokens} tokens: ${parts.join(', ')}.`)
    }
  }
}

function flattenSets(sets: readonly (readonly number[])[]): { offsets: Int32Array; values: Int32Array } {
  const offsets = new Int32Array(sets.length + 1)
  for (let i = 0; i < sets.length; i++) offsets[i + 1] = offsets[i] + sets[i].length
  return { offsets, values: Int32Array.from(sets.flat()) }
}

function translate(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  switch ((error as Error & { code?: string }).code) {
    case 'PR1_DISPOSED':
      return new UnavailableError(error.message)
    case 'PR1_OUT_OF_MEMORY':
      return new OutOfMemoryError(
        `${error.message} Use smaller batches (microBatchTokens), recompute: true or a smaller cacheTokens; memoryPlan() gives the numbers.`,
      )
    case 'PR1_ARGUMENT':
    case 'PR1_FAILED':
      return new ParallelR1Error(error.message)
    default:
      return error
  }
}

function translated<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw translate(error)
  }
}

async function translatedAsync<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw translate(error)
  }
}
