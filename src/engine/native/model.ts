import { formatBytes } from '../checkpoint/problem.ts'
import { CacheFullError, ConfigError, NoTrainingError, OutOfMemoryError, ParallelR1Error, UnavailableError } from '../errors.ts'
import { type ModelSpec, type ParameterSpec, parameterCount, parametersOf } from '../spec.ts'
import type {
  ForwardOptions,
  ForwardResult,
  MemoryPlan,
  Model,
  ModelConfig,
  ParameterKind,
  Sequence,
  StepInput,
  StepOutput,
  TrainBatch,
  UpdateOptions,
  UpdateResult,
} from '../types.ts'
import type { NativeModelHandle } from './binding.ts'

const kinds: Record<ParameterKind, number> = { weight: 0, gradient: 1, moment1: 2, moment2: 3 }
const noInts = new Int32Array(0)
const noBytes = new Uint8Array(0)

/** One model in the addon: flattens arguments, names parameters, turns error codes into this package's errors. */
export class NativeModel implements Model {
  readonly config: ModelConfig
  readonly parameters: readonly ParameterSpec[]
  readonly parameterCount: number
  readonly cachePage: number
  private readonly handle: NativeModelHandle
  private readonly trains: boolean
  private readonly index: Map<string, number>
  private readonly onDispose: () => void
  private disposing: Promise<void> | undefined
  private tokens = 0

  /** trains: false where weights have 8 bits; `forward` then scores only. */
  constructor(config: ModelConfig, spec: ModelSpec, handle: NativeModelHandle, page: number, trains: boolean, onDispose: () => void) {
    this.config = config
    this.handle = handle
    this.trains = trains
    this.cachePage = page
    this.onDispose = onDispose
    this.parameters = parametersOf(spec)
    this.index = new Map(handle.parameters.map(({ name }, i) => [name, i]))
    this.parameterCount = parameterCount(spec)
  }

  get cacheCapacity(): number {
    return this.handle.cacheCapacity
  }
  get cacheFree(): number {
    return this.handle.cacheFree
  }
  get updates(): number {
    return this.handle.updates
  }
  set updates(n: number) {
    this.handle.updates = n
  }

  create(): Sequence {
    return this.handle.create()
  }
  fork(sequence: Sequence, n: number): Sequence[] {
    return translated(() => this.handle.fork(sequence, n))
  }
  join(parent: Sequence, children: readonly Sequence[]): void {
    translated(() => this.handle.join(parent, children))
  }
  free(sequence: Sequence): void {
    translated(() => this.handle.free(sequence))
  }
  length(sequence: Sequence): number {
    return translated(() => this.handle.length(sequence))
  }

  async step(inputs: readonly StepInput[]): Promise<StepOutput[]> {
    const n = inputs.length
    let total = 0
    for (const input of inputs) total += input.ids.length
    const sequences = new Int32Array(n)
    const counts = new Int32Array(n)
    const ids = new Int32Array(total)
    const positions = new Int32Array(total)
    const sampling = new Float64Array(n * 6)
    // Inputs of one decoder share their exclusion arrays: each is sent once.
    const sets: (readonly number[])[] = []
    let at = 0
    for (let i = 0; i < n; i++) {
      const input = inputs[i]
      const count = input.ids.length
      if (input.positions.length !== count) {
        throw new ConfigError(`Input ${i} of a step has ${count} ids and ${input.positions.length} positions.`)
      }
      sequences[i] = input.sequence
      counts[i] = count
      for (let t = 0; t < count; t++) {
        ids[at] = input.ids[t]
        positions[at++] = input.positions[t]
      }
      const s = input.sampling
      sampling[i * 6] = s ? s.temperature : -1
      if (!s) continue
      if (!(s.temperature >= 0)) throw new ConfigError(`temperature must be 0 or above. Got ${s.temperature}.`)
      sampling[i * 6 + 1] = s.topK ?? 0
      sampling[i * 6 + 2] = s.topP ?? 1
      sampling[i * 6 + 3] = s.seed
      sampling[i * 6 + 4] = s.stream
      sampling[i * 6 + 5] = -1
      if (s.exclude && s.exclude.length > 0) {
        let set = sets.indexOf(s.exclude)
        if (set < 0) set = sets.push(s.exclude) - 1
        sampling[i * 6 + 5] = set
      }
    }
    const { offsets, values } = flattenSets(sets)
    const result = await translatedAsync(() => this.handle.step(sequences, counts, ids, positions, sampling, offsets, values))
    const outputs = new Array<StepOutput>(n)
    let row = 0
    for (let i = 0; i < n; i++) {
      if (inputs[i].sampling) {
        outputs[i] = { id: result.ids[row], logprob: result.logprobs[row] }
        row++
      } else {
        outputs[i] = { id: -1, logprob: 0 }
      }
    }
    return outputs
  }

  forward(batch: TrainBatch, options: ForwardOptions = {}): Promise<ForwardResult> {
    const { offsets, values } = flattenSets(batch.exclusionSets ?? [])
    this.tokens = batch.ids.length
    return this.planned(() =>
      this.handle.forward(
        {
          ids: batch.ids,
          positions: batch.positions,
          bounds: batch.bounds,
          hidden: batch.hidden ?? noInts,
          hiddenLevels: batch.hidden ? (batch.hiddenLevels ?? 1) : 0,
          targets: batch.targets ?? noBytes,
          exclusion: batch.exclusion ?? noInts,
          exclusionOffsets: offsets,
          exclusionIds: values,
          temperature: batch.temperature ?? 1,
        },
        this.trains && (options.keep ?? true),
        options.entropy ?? false,
      ),
    )
  }

  backward(weights: Float32Array): Promise<void> {
    if (!this.trains) return Promise.reject(new NoTrainingError())
    return this.planned(() => this.handle.backward(weights))
  }

  update(options: UpdateOptions): Promise<UpdateResult> {
    if (!this.trains) return Promise.reject(new NoTrainingError())
    const [beta1, beta2] = options.betas ?? [0.9, 0.95]
    return translatedAsync(() =>
      this.handle.update({
        lr: options.lr,
        beta1,
        beta2,
        eps: options.eps ?? 1e-8,
        weightDecay: options.weightDecay ?? 0,
        clip: options.clip ?? 0,
      }),
    )
  }

  memoryPlan(tokens: number): MemoryPlan {
    const plan = this.handle.plan(tokens)
    return { ...plan, total: plan.weights + plan.gradients + plan.moments + plan.cache + plan.activations }
  }

  read(name: string, what: ParameterKind = 'weight'): Float32Array {
    return translated(() => this.handle.read(this.parameter(name), kinds[what]))
  }
  write(name: string, values: Float32Array, what: ParameterKind = 'weight'): void {
    if (what === 'gradient' && !this.trains) throw new NoTrainingError()
    translated(() => this.handle.write(this.parameter(name), kinds[what], values))
  }
  accumulate(name: string, values: Float32Array): void {
    if (!this.trains) throw new NoTrainingError()
    translated(() => this.handle.addGradient(this.parameter(name), values))
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

  dispose(): Promise<void> {
    this.disposing ??= this.handle.dispose().finally(this.onDispose)
    return this.disposing
  }

  private parameter(name: string): number {
    const index = this.index.get(name)
    if (index === undefined) throw new ConfigError(`This ${this.config.family} model has no parameter ${name}.`)
    return index
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
    case 'PR1_CACHE_FULL':
      return new CacheFullError(error.message)
    case 'PR1_ARGUMENT':
      return new ConfigError(error.message)
    case 'PR1_DISPOSED':
      return new UnavailableError(error.message)
    case 'PR1_OUT_OF_MEMORY':
      return new OutOfMemoryError(
        `${error.message} Use smaller batches (microBatchTokens), recompute: true or a smaller cacheTokens; memoryPlan() gives the numbers.`,
      )
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
