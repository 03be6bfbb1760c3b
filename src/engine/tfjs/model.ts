import { readWeights } from '../checkpoint/weights.ts'
import { ConfigError } from '../errors.ts'
import { modelSpec } from '../families/index.ts'
import { elementCount, type ParameterSpec, parameterCount, parametersOf } from '../spec.ts'
import type {
  ForwardOptions,
  ForwardResult,
  Loadable,
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
import { checkAlive, checkBatch, checkSequence, checkStep, checkUpdate } from './checks.ts'
import type { Host } from './host.ts'
import type { StepRequest } from './protocol.ts'
import { cachePage, SequenceTable } from './sequences.ts'

/** A model whose tensors live in the worker: checks arguments, keeps the books of the cache, sends the rest. */
export class TfjsModel implements Model {
  readonly config: ModelConfig
  readonly parameters: readonly ParameterSpec[]
  readonly parameterCount: number
  readonly cachePage = cachePage
  private readonly host: Host
  private readonly id: number
  private readonly table: SequenceTable
  private readonly cancelled: Int32Array
  private readonly onDispose: () => void
  private readonly specs: ReadonlyMap<string, ParameterSpec>
  private updateCount = 0
  /** Tokens of the last forward. */
  private tokens = 0
  private disposing: Promise<void> | undefined

  constructor(config: ModelConfig, host: Host, id: number, cacheTokens: number, cancelled: Int32Array, onDispose: () => void) {
    this.config = config
    this.host = host
    this.id = id
    this.table = new SequenceTable(cacheTokens)
    this.cancelled = cancelled
    this.onDispose = onDispose
    const spec = modelSpec(config)
    this.parameters = parametersOf(spec)
    this.parameterCount = parameterCount(spec)
    this.specs = new Map(this.parameters.map((spec) => [spec.name, spec]))
  }

  get cacheCapacity(): number {
    return this.table.capacity
  }
  get cacheFree(): number {
    return this.table.free
  }
  get updates(): number {
    return this.updateCount
  }
  set updates(n: number) {
    checkAlive(this.disposing !== undefined)
    this.updateCount = n
    this.host.callSync('setUpdates', this.id, n)
  }

  create(): Sequence {
    return this.table.create()
  }

  fork(sequence: Sequence, n: number): Sequence[] {
    checkSequence(this.table, sequence)
    if (!(n >= 1 && n <= 65536)) throw new ConfigError(`fork needs a count of 1 or more. Got ${n}.`)
    return this.table.fork(sequence, n)
  }

  join(parent: Sequence, children: readonly Sequence[]): void {
    checkSequence(this.table, parent)
    for (const [i, child] of children.entries()) {
      checkSequence(this.table, child)
      if (child === parent || children.indexOf(child) !== i) throw new ConfigError(`join lists sequence ${child} twice.`)
    }
    if (!this.table.join(parent, children)) {
      throw new ConfigError(
        "A joined child does not start with the parent's tokens. Fork it from the parent and leave the parent alone until the join.",
      )
    }
  }

  free(sequence: Sequence): void {
    checkSequence(this.table, sequence)
    this.table.release(sequence)
  }

  length(sequence: Sequence): number {
    checkSequence(this.table, sequence)
    return this.table.slots(sequence).length
  }

  async step(inputs: readonly StepInput[]): Promise<StepOutput[]> {
    checkAlive(this.disposing !== undefined)
    checkStep(inputs, this.table, this.config)
    const outputs = inputs.map((): StepOutput => ({ id: -1, logprob: 0 }))
    if (inputs.length === 0) return outputs
    const request = this.request(inputs)
    const { rows } = request
    const { ids, logprobs } = await this.host.call('step', this.id, request)
    for (const [i, { input }] of rows.entries()) outputs[input] = { id: ids[i], logprob: logprobs[i] }
    return outputs
  }

  async forward(batch: TrainBatch, options: ForwardOptions = {}): Promise<ForwardResult> {
    checkAlive(this.disposing !== undefined)
    checkBatch(batch, this.config)
    this.tokens = batch.ids.length
    const { ids, positions, bounds, hidden, hiddenLevels, targets, exclusion, exclusionSets, temperature } = batch
    const copy: TrainBatch = {
      ids: ids.slice(),
      positions: positions.slice(),
      bounds: bounds.slice(),
      hidden: hidden?.slice(),
      hiddenLevels,
      targets: targets?.slice(),
      exclusion: exclusion?.slice(),
      exclusionSets,
      temperature,
    }
    return this.host.call('forward', this.id, copy, options.keep ?? true, options.entropy ?? false)
  }

  async backward(weights: Float32Array): Promise<void> {
    checkAlive(this.disposing !== undefined)
    if (weights.length !== this.tokens) {
      throw new ConfigError(`backward needs one weight a token of the last forward: expected ${this.tokens}, got ${weights.length}.`)
    }
    return this.host.call('backward', this.id, weights.slice())
  }

  async update(options: UpdateOptions): Promise<UpdateResult> {
    checkAlive(this.disposing !== undefined)
    const { gradNorm, skipped, updates } = await this.host.call('update', this.id, checkUpdate(options))
    this.updateCount = updates
    return { gradNorm, skipped }
  }

  /** An estimate: tf keeps what the backward of one layer or one piece of the head needs, and the input of every layer. */
  memoryPlan(tokens: number): MemoryPlan {
    const { layers, hiddenSize, intermediateSize, heads, kvHeads, headDim, vocabSize } = this.config
    const weights = 4 * this.parameterCount
    const training = tokens > 0 ? weights : 0
    const wide = (heads + 2 * kvHeads) * headDim
    const layer = 8 * hiddenSize + 12 * wide + 6 * intermediateSize
    const logits = Math.min(tokens, 512, Math.max(16, 2 ** 22 / vocabSize)) * vocabSize * 6
    const plan = {
      weights,
      gradients: training,
      moments: 2 * training,
      cache: 8 * layers * this.cacheCapacity * kvHeads * headDim,
      activations: 4 * (tokens * (layer + (layers + 1) * hiddenSize) + logits),
    }
    return { ...plan, total: plan.weights + plan.gradients + plan.moments + plan.cache + plan.activations }
  }

  read(name: string, what: ParameterKind = 'weight'): Float32Array {
    checkAlive(this.disposing !== undefined)
    return this.host.callSync('read', this.id, this.spec(name).name, what)
  }

  write(name: string, values: Float32Array, what: ParameterKind = 'weight'): void {
    this.checkValues(name, values)
    this.host.callSync('write', this.id, name, what, values.slice())
  }

  accumulate(name: string, values: Float32Array): void {
    this.checkValues(name, values)
    this.host.callSync('accumulate', this.id, name, values.slice())
  }

  private checkValues(name: string, values: Float32Array): void {
    checkAlive(this.disposing !== undefined)
    const count = elementCount(this.spec(name).shape)
    if (values.length !== count) throw new ConfigError(`${name} holds ${count} values. Got ${values.length}.`)
  }

  /** Reads the weights of a checkpoint and hands them to the worker, one tensor after the other. */
  async load(checkpoint: Loadable): Promise<void> {
    for await (const { spec, data } of readWeights(checkpoint, this.parameters)) {
      await this.host.call('write', this.id, spec.name, 'weight', data)
    }
  }

  dispose(): Promise<void> {
    if (!this.disposing) {
      Atomics.store(this.cancelled, 0, 1)
      // A worker that is gone has released everything.
      this.disposing = this.host.call('disposeModel', this.id).then(this.onDispose, this.onDispose)
    }
    return this.disposing
  }

  private spec(name: string): ParameterSpec {
    const spec = this.specs.get(name)
    if (!spec) throw new ConfigError(`This ${this.config.family} model has no parameter ${name}.`)
    return spec
  }

  /** Gives every input its slots and flattens the step. */
  private request(inputs: readonly StepInput[]): StepRequest {
    const rows: StepRequest['rows'] = []
    for (const [input, { sequence, ids, positions, sampling }] of inputs.entries()) {
      this.table.append(sequence, ids.length)
      if (!sampling) continue
      const { temperature, topK = 0, topP = 1, seed, stream, exclude } = sampling
      const position = positions[positions.length - 1]
      rows.push({ input, sampling: { temperature, topK, topP, seed, stream, position }, exclude })
    }
    const slots = inputs.map(({ sequence }) => this.table.slots(sequence))
    return {
      ids: flat(inputs.map(({ ids }) => ids)),
      positions: flat(inputs.map(({ positions }) => positions)),
      counts: Int32Array.from(inputs, ({ ids }) => ids.length),
      lengths: Int32Array.from(slots, ({ length }) => length),
      slots: flat(slots),
      extent: this.table.extent,
      rows,
    }
  }
}

function flat(lists: readonly ArrayLike<number>[]): Int32Array {
  const all = new Int32Array(lists.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const list of lists) {
    all.set(list, at)
    at += list.length
  }
  return all
}
