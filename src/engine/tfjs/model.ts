import { readWeights } from '../checkpoint/weights.ts'
import type { FullUpdate } from '../checks.ts'
import { CheckedModel, type Drawn, type FlatStep, type ModelOptions, type Scored } from '../model.ts'
import type { ModelConfig } from '../model-config.ts'
import type { ModelSpec } from '../spec.ts'
import type { Loadable, MemoryPlan, ParameterKind, StepInput, TrainBatch, UpdateResult } from '../types.ts'
import type { Host } from './host.ts'
import type { StepRequest } from './protocol.ts'

/** Where a model lives in the worker. */
interface Place {
  host: Host
  /** The number that the worker knows it by. */
  id: number
  /** Set to 1 to stop a call under way; shared with the worker. */
  cancelled: Int32Array
}

/** A model whose tensors live in the worker: sends every call there. */
export class TfjsModel extends CheckedModel {
  private readonly place: Place
  private updateCount = 0
  readonly draftRowCost = undefined

  constructor(config: ModelConfig, spec: ModelSpec, place: Place, options: ModelOptions) {
    super(config, spec, options)
    this.place = place
  }

  get updates(): number {
    return this.updateCount
  }
  set updates(n: number) {
    this.checkAlive()
    this.updateCount = n
    this.place.host.callSync('setUpdates', this.place.id, n)
  }

  protected runStep(inputs: readonly StepInput[], step: FlatStep): Promise<Drawn> {
    const rows: StepRequest['rows'] = []
    for (const [input, { positions, sampling }] of inputs.entries()) {
      if (!sampling) continue
      const { temperature, topK = 0, topP = 1, seed, stream, exclude } = sampling
      const position = positions[positions.length - 1]
      rows.push({ input, sampling: { temperature, topK, topP, seed, stream, position }, exclude })
    }
    return this.place.host.call('step', this.place.id, { ...step, extent: this.table.extent, rows })
  }

  /** The worker gets copies: what it is sent is gone here. */
  protected runForward(batch: TrainBatch, keep: boolean, entropy: boolean): Promise<Scored> {
    const { ids, positions, bounds, hidden, targets, exclusion } = batch
    const copy: TrainBatch = {
      ...batch,
      ids: ids.slice(),
      positions: positions.slice(),
      bounds: bounds.slice(),
      hidden: hidden?.slice(),
      targets: targets?.slice(),
      exclusion: exclusion?.slice(),
    }
    return this.place.host.call('forward', this.place.id, copy, keep, entropy)
  }

  protected runBackward(weights: Float32Array, entropyWeights?: Float32Array): Promise<void> {
    return this.place.host.call('backward', this.place.id, weights.slice(), entropyWeights?.slice())
  }

  protected async runUpdate(options: FullUpdate): Promise<UpdateResult> {
    const { gradNorm, skipped, updates } = await this.place.host.call('update', this.place.id, options)
    this.updateCount = updates
    return { gradNorm, skipped }
  }

  protected runRead(name: string, what: ParameterKind): Float32Array {
    return this.place.host.callSync('read', this.place.id, name, what)
  }
  protected runWrite(name: string, what: ParameterKind, values: Float32Array): void {
    this.place.host.callSync('write', this.place.id, name, what, values.slice())
  }
  protected runAccumulate(name: string, values: Float32Array): void {
    this.place.host.callSync('accumulate', this.place.id, name, values.slice())
  }

  /** Reads the weights of a checkpoint and hands them to the worker, one tensor after the other. */
  async load(checkpoint: Loadable): Promise<void> {
    for await (const { spec, data } of readWeights(checkpoint, this.parameters)) {
      await this.place.host.call('write', this.place.id, spec.name, 'weight', data)
    }
  }

  protected async release(): Promise<void> {
    Atomics.store(this.place.cancelled, 0, 1)
    // A worker that is gone has released everything.
    await this.place.host.call('disposeModel', this.place.id).catch(() => {})
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
}
