import {
  checkAlive,
  checkBatch,
  checkEntropyWeights,
  checkedJoin,
  checkFork,
  checkSequence,
  checkStep,
  checkTruncate,
  checkUpdate,
  checkValues,
  checkWeights,
  type FullUpdate,
} from './checks.ts'
import { ConfigError, type NonFiniteError, type NoTrainingError } from './errors.ts'
import type { ModelConfig } from './model-config.ts'
import { type Fault, type FaultPlace, nonFinite } from './non-finite.ts'
import { cachePage, SequenceTable } from './sequences.ts'
import { elementCount, type ModelSpec, type ParameterSpec, parametersOf } from './spec.ts'
import type {
  BackwardOptions,
  ForwardOptions,
  ForwardResult,
  MemoryPlan,
  Model,
  ParameterKind,
  Sequence,
  StepInput,
  StepOutput,
  TokenRange,
  TrainBatch,
  UpdateOptions,
  UpdateResult,
} from './types.ts'

/** New tokens of several sequences, all arrays flat over the inputs. */
export interface FlatStep {
  /** (T) */
  ids: Int32Array
  positions: Int32Array
  /** Per input: new tokens, and runs of cache slots. */
  counts: Int32Array
  runCounts: Int32Array
  /** begin, end, … of every input's runs: the slots of its tokens, old and new, in order. */
  runs: Int32Array
}

/** One entry a row that is sampled after: of an input with drafts the one before the first, then each draft. */
export interface Drawn {
  ids: Int32Array
  logprobs: Float32Array
  /** Of entries without an id, where their numbers were first not finite; −1 elsewhere. Absent: nowhere. */
  faults?: Int32Array
}

/** What a forward gave; with a fault the rest means nothing. */
export interface Scored extends ForwardResult {
  fault?: Fault
}

/** What a model is made with besides its configuration. */
export interface ModelOptions {
  /** The folder it was loaded from, for messages. */
  checkpoint: string
  cacheTokens: number
  /** What it answers to everything that trains; `forward` then scores only. Absent: it trains. */
  noTraining?: NoTrainingError
  onDispose: () => void
  /** Of adapters, which alone are the model's parameters then. */
  adapters?: readonly ParameterSpec[]
}

/** What is the same in every engine: arguments are checked, the cache's books are kept; an engine does the rest in its `run…` methods. */
export abstract class CheckedModel implements Model {
  readonly config: ModelConfig
  readonly parameters: readonly ParameterSpec[]
  readonly parameterCount: number
  readonly cachePage = cachePage
  abstract updates: number
  protected readonly table: SequenceTable
  /** Tokens of the last forward. */
  protected tokens = 0
  private gaveEntropies = false
  private readonly spec: ModelSpec
  protected readonly checkpoint: string
  private readonly specs: ReadonlyMap<string, ParameterSpec>
  private readonly noTraining: NoTrainingError | undefined
  private readonly adapters: readonly ParameterSpec[] | undefined
  private readonly onDispose: () => void
  private disposing: Promise<void> | undefined

  constructor(config: ModelConfig, spec: ModelSpec, options: ModelOptions) {
    this.config = config
    this.spec = spec
    this.checkpoint = options.checkpoint
    this.adapters = options.adapters
    this.parameters = options.adapters ?? parametersOf(spec)
    this.parameterCount = this.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0)
    this.specs = new Map(this.parameters.map((parameter) => [parameter.name, parameter]))
    this.table = new SequenceTable(options.cacheTokens)
    this.noTraining = options.noTraining
    this.onDispose = options.onDispose
  }

  protected abstract runStep(inputs: readonly StepInput[], step: FlatStep): Promise<Drawn>
  /** base: without adapters. */
  protected abstract runForward(batch: TrainBatch, keep: boolean, entropy: boolean, base: boolean): Promise<Scored>
  protected abstract runBackward(weights: Float32Array, entropyWeights?: Float32Array, reached?: (layer: number) => void): Promise<void>
  protected abstract runUpdate(options: FullUpdate): Promise<UpdateResult>
  protected abstract runRead(name: string, what: ParameterKind): Float32Array
  protected abstract runWrite(name: string, what: ParameterKind, values: Float32Array): void
  protected abstract runAccumulate(name: string, values: Float32Array): void
  /** Stops a call under way and releases the memory. */
  protected abstract release(): Promise<void>
  abstract memoryPlan(tokens: number): MemoryPlan
  abstract readonly draftRowCost: number | undefined

  get cacheCapacity(): number {
    return this.table.capacity
  }
  get cacheFree(): number {
    return this.table.free
  }

  create(): Sequence {
    return this.table.create()
  }

  fork(sequence: Sequence, n: number, hidden?: readonly TokenRange[]): Sequence[] {
    checkSequence(this.table, sequence)
    checkFork(n, this.table.length(sequence), hidden)
    return this.table.fork(sequence, n, hidden)
  }

  join(parent: Sequence, children: readonly Sequence[]): void {
    checkedJoin(this.table, parent, children)
  }

  free(sequence: Sequence): void {
    checkSequence(this.table, sequence)
    this.table.release(sequence)
  }

  length(sequence: Sequence): number {
    checkSequence(this.table, sequence)
    return this.table.length(sequence)
  }

  truncate(sequence: Sequence, n: number): void {
    checkTruncate(this.table, sequence, n)
    this.table.truncate(sequence, n)
  }

  async step(inputs: readonly StepInput[]): Promise<StepOutput[]> {
    this.checkAlive()
    checkStep(inputs, this.table, this.config, this.draftRowCost !== undefined)
    if (inputs.length === 0) return []
    const { ids, logprobs, faults } = await this.runStep(inputs, this.take(inputs))
    let row = 0
    const next = (sequence: Sequence, position: number): StepOutput => {
      const output: StepOutput = { id: ids[row], logprob: logprobs[row] }
      const place = faults ? faults[row] : -1
      if (place >= 0) output.error = this.nonFinite(place, `position ${position} of sequence ${sequence}`)
      row++
      return output
    }
    return inputs.map(({ sequence, positions, sampling, drafts = 0 }) => {
      if (!sampling) return { id: -1, logprob: 0 }
      const first = positions.length - 1 - drafts
      const output = next(sequence, positions[first])
      if (drafts > 0) output.afterDrafts = Array.from({ length: drafts }, (_, k) => next(sequence, positions[first + 1 + k]))
      return output
    })
  }

  async forward(batch: TrainBatch, { keep = true, entropy = false, base = false }: ForwardOptions = {}): Promise<ForwardResult> {
    this.checkAlive()
    checkBatch(batch, this.config)
    this.tokens = batch.ids.length
    this.gaveEntropies = entropy
    if (base && !this.adapters)
      throw new ConfigError('forward without adapters needs a model that has some. Load it with adapters, or leave base out.')
    const { fault, ...result } = await this.runForward(batch, keep && !base && !this.noTraining, entropy, base)
    if (!fault) return result
    const sequence = batch.bounds.findLastIndex((start) => start <= fault.token)
    throw this.nonFinite(fault.place, `token ${fault.token - batch.bounds[sequence]} of sequence ${sequence} of a batch`)
  }

  async backward(weights: Float32Array, entropyWeights?: Float32Array, { reached }: BackwardOptions = {}): Promise<void> {
    this.checkTrains()
    checkWeights(weights, this.tokens)
    if (entropyWeights) checkEntropyWeights(entropyWeights, this.tokens, this.gaveEntropies)
    return this.runBackward(weights, entropyWeights, reached)
  }

  async update(options: UpdateOptions): Promise<UpdateResult> {
    this.checkTrains()
    return this.runUpdate(checkUpdate(options))
  }

  read(name: string, what: ParameterKind = 'weight'): Float32Array {
    this.checkAlive()
    return this.runRead(this.parameter(name).name, what)
  }

  write(name: string, values: Float32Array, what: ParameterKind = 'weight'): void {
    if (what === 'gradient') this.checkTrains()
    this.checkAlive()
    checkValues(name, values, elementCount(this.parameter(name).shape))
    this.runWrite(name, what, values)
  }

  accumulate(name: string, values: Float32Array): void {
    this.checkTrains()
    checkValues(name, values, elementCount(this.parameter(name).shape))
    this.runAccumulate(name, values)
  }

  dispose(): Promise<void> {
    this.disposing ??= this.release().finally(this.onDispose)
    return this.disposing
  }

  protected checkAlive(): void {
    checkAlive(this.disposing !== undefined)
  }

  private nonFinite(place: FaultPlace, where: string): NonFiniteError {
    return nonFinite(this.checkpoint, this.spec, place, where, ({ name }) => this.runRead(name, 'weight'), this.adapters)
  }

  private checkTrains(): void {
    this.checkAlive()
    if (this.noTraining) throw this.noTraining
  }

  private parameter(name: string): ParameterSpec {
    const spec = this.specs.get(name)
    if (!spec) throw new ConfigError(`This ${this.config.family} model has no parameter ${name}.`)
    return spec
  }

  /** Gives every input its slots, in the order of the calls of `step` and whatever becomes of it later, and flattens the step. */
  private take(inputs: readonly StepInput[]): FlatStep {
    const { table } = this
    const n = inputs.length
    const [counts, runCounts] = [new Int32Array(n), new Int32Array(n)]
    let [total, totalRuns] = [0, 0]
    for (let i = 0; i < n; i++) {
      const { sequence, ids } = inputs[i]
      table.append(sequence, ids.length)
      counts[i] = ids.length
      runCounts[i] = table.runCount(sequence)
      total += counts[i]
      totalRuns += runCounts[i]
    }
    const [ids, positions, runs] = [new Int32Array(total), new Int32Array(total), new Int32Array(2 * totalRuns)]
    for (let i = 0, at = 0, end = 0; i < n; i++) {
      const input = inputs[i]
      end = table.copyRuns(input.sequence, runs, end)
      for (let t = 0; t < counts[i]; t++) {
        ids[at] = input.ids[t]
        positions[at++] = input.positions[t]
      }
    }
    return { ids, positions, counts, runCounts, runs }
  }
}
