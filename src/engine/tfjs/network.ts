/** A model in the worker: its parameters as tensors, and the calls on it. Every call leaves as many tensors as it promises to keep, no more. */

import type { FullUpdate } from '../checks.ts'
import { ParallelR1Error } from '../errors.ts'
import type { Drawn, Scored } from '../model.ts'
import type { Fault, FaultPlace } from '../non-finite.ts'
import { elementCount, layerParameters, type ModelSpec, type ParameterSpec, parametersOf } from '../spec.ts'
import type { ParameterKind, TrainBatch, UpdateResult } from '../types.ts'
import { type Chunk, planAttention } from './attention.ts'
import { KeyValueCache } from './cache.ts'
import { entropies, logits, pick, piecesOf, type Targets } from './head.ts'
import { adamw, sumSquares } from './optimizer.ts'
import type { StepRequest } from './protocol.ts'
import { amplitudeOf, inverseFrequencies, rotations } from './rope.ts'
import { sample } from './sampling.ts'
import type { Tensor, Tf } from './tensors.ts'
import { decoderLayer, embed, type KeepKeys, type Rotation, type Tokens } from './transformer.ts'

/** What a forward leaves for its backward: the input of every layer, then the last layer's output. */
interface Kept {
  batch: TrainBatch
  xs: Tensor[]
}

export class Network {
  private readonly tf: Tf
  private readonly spec: ModelSpec
  private readonly parameters: Map<string, ParameterSpec>
  /** Names of each layer's parameters. */
  private readonly layers: string[][]
  private readonly held: Record<ParameterKind, Map<string, Tensor>> = {
    weight: new Map(),
    gradient: new Map(),
    moment1: new Map(),
    moment2: new Map(),
  }
  /** Inverse frequencies of each kind of rotation. */
  private readonly inverse: (Float32Array | null)[]
  private readonly windows: Set<number>
  private readonly cancelled: Int32Array
  private cache: KeyValueCache | undefined
  private kept: Kept | undefined
  private updates = 0

  constructor(tf: Tf, spec: ModelSpec, cancelled: Int32Array) {
    this.tf = tf
    this.spec = spec
    this.cancelled = cancelled
    this.parameters = new Map(parametersOf(spec).map((parameter) => [parameter.name, parameter]))
    this.layers = spec.layers.map((layer) => layerParameters(layer).map(({ name }) => name))
    this.inverse = spec.ropes.map((rope) => rope && inverseFrequencies(spec.headDim, rope))
    this.windows = new Set(spec.layers.map(({ attention }) => attention.window))
  }

  // Decode.

  step({ ids, positions, counts, runCounts, runs, extent, rows }: StepRequest): Drawn {
    const { tf } = this
    this.discard()
    this.cache ??= new KeyValueCache(tf, this.spec)
    const cache = this.cache
    cache.fit(extent)
    const chunks: Chunk[] = []
    const fresh = new Int32Array(ids.length)
    const lastToken: number[] = []
    for (let i = 0, first = 0, at = 0; i < counts.length; i++) {
      const slots = slotsOf(runs.subarray(at, at + 2 * runCounts[i]))
      fresh.set(slots.subarray(slots.length - counts[i]), first)
      chunks.push({ first, count: counts[i], rows: slots })
      at += 2 * runCounts[i]
      first += counts[i]
      lastToken.push(first - 1)
    }
    const answer: Drawn = { ids: new Int32Array(rows.length), logprobs: new Float32Array(rows.length) }
    tf.tidy(() => {
      const tokens = this.tokens(ids, positions, chunks, cache.size)
      const places = tf.tensor2d(fresh, [fresh.length, 1], 'int32')
      const layer = (l: number, x: Tensor) => this.layer(l, x, tokens, (k, v) => cache.store(l, places, k, v))
      let x = this.embedded(tokens)
      for (let l = 0; l < this.layers.length; l++) x = layer(l, x)
      const last = Int32Array.from(rows, ({ input }) => lastToken[input])
      let done = 0
      for (const piece of piecesOf({ rows: last, ids: last, excluded: rows.map(({ exclude }) => exclude) }, this.spec.vocabSize)) {
        const some = rows.slice(done, done + piece.rows.length)
        tf.tidy(() => this.draw(x, piece, some, answer, done))
        done += some.length
      }
      for (const [row, { input }] of rows.entries()) {
        if (answer.ids[row] >= 0) continue
        answer.faults ??= new Int32Array(rows.length).fill(-1)
        answer.faults[row] = this.locate(tokens, chunks[input].first, lastToken[input] + 1, layer)
      }
    })
    return answer
  }

  /** Where rows begin … end − 1, whose logits are not finite, first were not: computes the layers once more, and looks after each. */
  private locate(tokens: Tokens, begin: number, end: number, layer: (l: number, x: Tensor) => Tensor): FaultPlace {
    const { tf } = this
    return tf.tidy((): FaultPlace => {
      let x = this.embedded(tokens)
      for (let l = 0; l <= this.layers.length; l++) {
        if (!allFinite(tf.slice(x, [begin, 0], [end - begin, -1]).dataSync())) return l
        if (l < this.layers.length) x = layer(l, x)
      }
      return this.layers.length + 1
    })
  }

  /** Samples one id for each of the rows and scores it; −1 where logits are not finite or nothing but excluded ids is left. */
  private draw(x: Tensor, { rows, excluded }: Targets, drawn: StepRequest['rows'], answer: Drawn, from: number): void {
    const { tf } = this
    const { vocabSize, norm, norms, head } = this.spec
    const temperatures = drawn.map(({ sampling }) => 1 / (Math.fround(sampling.temperature) || 1))
    const inverse = tf.tensor2d(temperatures, [drawn.length, 1])
    const chosen = tf.gather(x, tf.tensor1d(rows, 'int32'))
    const all = logits(tf, chosen, this.weight(norm.name), this.weight(head.name), norms, inverse, excluded)
    const ids = tf.argMax(all, -1).dataSync() as Int32Array
    if (drawn.some(({ sampling }) => sampling.temperature > 0)) {
      const weights = tf.exp(tf.sub(all, tf.max(all, -1, true))).dataSync() as Float32Array
      for (const [i, { sampling }] of drawn.entries()) {
        const own = weights.slice(i * vocabSize, (i + 1) * vocabSize)
        const id = sampling.temperature > 0 ? sample(own, sampling) : -1
        answer.ids[from + i] = id < 0 ? ids[i] : id
      }
    } else {
      answer.ids.set(ids, from)
    }
    const sampled = answer.ids.slice(from, from + drawn.length)
    answer.logprobs.set(pick(tf, tf.logSoftmax(all), sampled).dataSync(), from)
    const finite = tf.all(tf.isFinite(all), -1).dataSync()
    for (const [i, id] of sampled.entries()) if (!finite[i] || excluded[i]?.includes(id)) answer.ids[from + i] = -1
  }

  // Train.

  forward(batch: TrainBatch, keep: boolean, entropy: boolean): Scored {
    const { tf } = this
    this.discard()
    const T = batch.ids.length
    const result: Scored = { logprobs: new Float32Array(T), ...(entropy && { entropies: new Float32Array(T) }) }
    const xs = tf.tidy(() => {
      const tokens = this.trainTokens(batch)
      const inputs = [this.embedded(tokens)]
      for (let l = 0; l < this.layers.length; l++) {
        const x = inputs.at(-1)!
        inputs.push(this.layer(l, x, tokens))
        if (!keep) {
          inputs.shift()
          x.dispose()
        }
      }
      for (const piece of piecesOf(targetsOf(batch), this.spec.vocabSize)) {
        tf.tidy(() => {
          const raw = this.rowLogits(inputs.at(-1)!, piece, batch)
          const wrong = tf.all(tf.isFinite(raw), -1).dataSync().indexOf(0)
          if (wrong >= 0) result.fault ??= this.faultOf(batch, piece.rows[wrong], tokens)
          const all = tf.logSoftmax(raw)
          scatter(pick(tf, all, piece.ids).dataSync() as Float32Array, piece.rows, result.logprobs)
          if (result.entropies) scatter(entropies(tf, all).dataSync() as Float32Array, piece.rows, result.entropies)
        })
      }
      return keep ? inputs : []
    })
    if (keep) this.kept = { batch, xs }
    if (result.fault) this.discard()
    return result
  }

  private faultOf({ bounds }: TrainBatch, token: number, tokens: Tokens): Fault {
    const sequence = bounds.findLastIndex((start) => start <= token)
    return { token, place: this.locate(tokens, bounds[sequence], bounds[sequence + 1], (l, x) => this.layer(l, x, tokens)) }
  }

  /** Head, layers and embedding in turn, backwards: tf derives the gradient of each, whose inside it computes again. */
  backward(weights: Float32Array, entropyWeights?: Float32Array): void {
    const { tf, spec, kept } = this
    if (!kept) {
      throw new ParallelR1Error(
        'backward needs the activations of a forward. Call forward with keep: true (the default) first; an update, a ' +
          'write of weights or another forward discards them.',
      )
    }
    const { batch, xs } = kept
    const targets = targetsOf(batch, weights, entropyWeights)
    tf.tidy(() => {
      const tokens = this.trainTokens(batch)
      const [final, head, embedding] = [spec.norm.name, spec.head.name, spec.embedding.weight.name]
      const output = xs[this.layers.length]
      let dx: Tensor = tf.zerosLike(output)
      for (const piece of piecesOf(targets, spec.vocabSize)) {
        const loss = (x: Tensor, norm: Tensor, matrix: Tensor) => {
          const all = tf.logSoftmax(this.rowLogits(x, piece, batch, norm, matrix))
          const weighted = (values: Tensor, by: Float32Array) =>
            tf.sum(tf.mul(values, tf.tensor1d(Float32Array.from(piece.rows, (t) => by[t]))))
          const loss = weighted(pick(tf, all, piece.ids), weights)
          return entropyWeights ? tf.add(loss, weighted(entropies(tf, all), entropyWeights)) : loss
        }
        const [own, norm, matrix] = tf.tidy(() => tf.grads(loss)([output, this.weight(final), this.weight(head)]))
        dx = tf.add(dx, own)
        this.accumulate(final, norm)
        this.accumulate(head, matrix)
      }
      for (let l = this.layers.length - 1; l >= 0; l--) {
        const names = this.layers[l]
        const run = (x: Tensor, ...own: Tensor[]) => decoderLayer(tf, spec, spec.layers[l], named(names, own), x, tokens)
        this.checkCancelled()
        const [below, ...own] = tf.tidy(() => tf.grads(run)([xs[l], ...names.map((name) => this.weight(name))], dx))
        for (const [i, name] of names.entries()) this.accumulate(name, own[i])
        dx.dispose()
        dx = below
      }
      const [table] = tf.tidy(() => tf.grads((table: Tensor) => embed(tf, spec, table, tokens))([this.weight(embedding)], dx))
      this.accumulate(embedding, table)
    })
    this.discard()
  }

  update(options: FullUpdate): UpdateResult & { updates: number } {
    const { tf, held } = this
    const gradNorm = Math.sqrt(sumSquares(tf, held.gradient.values()))
    if (!Number.isFinite(gradNorm)) {
      this.clearGradients()
      return { gradNorm, skipped: true, updates: this.updates }
    }
    this.updates++
    this.discard()
    const clip = options.clip > 0 && gradNorm > options.clip ? options.clip / (gradNorm + 1e-6) : 1
    for (const { name } of this.parameters.values()) {
      tf.tidy(() => {
        const state = { weight: this.weight(name), moment1: this.values('moment1', name), moment2: this.values('moment2', name) }
        const next = adamw(tf, state, this.values('gradient', name), options, clip, this.updates)
        for (const kind of ['weight', 'moment1', 'moment2'] as const) this.hold(kind, name, next[kind])
      })
    }
    this.clearGradients()
    return { gradNorm, skipped: false, updates: this.updates }
  }

  private clearGradients(): void {
    for (const gradient of this.held.gradient.values()) gradient.dispose()
    this.held.gradient.clear()
  }

  setUpdates(updates: number): void {
    this.updates = updates
  }

  // Parameters.

  read(name: string, kind: ParameterKind): Float32Array {
    const tensor = this.held[kind].get(name)
    // A copy: the backend in JavaScript hands out the array that it goes on using.
    return tensor ? (tensor.dataSync() as Float32Array).slice() : new Float32Array(elementCount(this.parameters.get(name)!.shape))
  }

  write(name: string, kind: ParameterKind, values: Float32Array): void {
    if (kind === 'weight') this.discard()
    this.hold(kind, name, this.tf.tensor(values, this.parameters.get(name)!.shape, 'float32'))
  }

  /** Gradient += values. */
  add(name: string, values: Float32Array): void {
    const { tf } = this
    tf.tidy(() => this.accumulate(name, tf.tensor(values, this.parameters.get(name)!.shape, 'float32')))
  }

  dispose(): void {
    this.discard()
    this.cache?.dispose()
    for (const tensors of Object.values(this.held)) {
      for (const tensor of tensors.values()) tensor.dispose()
      tensors.clear()
    }
  }

  private weight(name: string): Tensor {
    return this.held.weight.get(name)!
  }

  /** Zeros where there is nothing yet; those belong to the tidy around the call. */
  private values(kind: ParameterKind, name: string): Tensor {
    return this.held[kind].get(name) ?? this.tf.zeros(this.parameters.get(name)!.shape)
  }

  private hold(kind: ParameterKind, name: string, tensor: Tensor): void {
    this.held[kind].get(name)?.dispose()
    this.held[kind].set(name, this.tf.keep(tensor))
  }

  private accumulate(name: string, gradient: Tensor): void {
    const before = this.held.gradient.get(name)
    this.hold('gradient', name, before ? this.tf.add(before, gradient) : gradient)
  }

  /** Drops what the last forward kept. */
  private discard(): void {
    for (const x of this.kept?.xs ?? []) x.dispose()
    this.kept = undefined
  }

  private checkCancelled(): void {
    if (Atomics.load(this.cancelled, 0) !== 0) throw new ParallelR1Error('The model was disposed while it was working.')
  }

  private embedded(tokens: Tokens): Tensor {
    return embed(this.tf, this.spec, this.weight(this.spec.embedding.weight.name), tokens)
  }

  private layer(l: number, x: Tensor, tokens: Tokens, keepKeys?: KeepKeys): Tensor {
    this.checkCancelled()
    const names = this.layers[l]
    const own = names.map((name) => this.weight(name))
    return this.tf.tidy(() => decoderLayer(this.tf, this.spec, this.spec.layers[l], named(names, own), x, tokens, keepKeys))
  }

  private rowLogits(
    x: Tensor,
    { rows, excluded }: Targets,
    { temperature = 1 }: TrainBatch,
    norm = this.weight(this.spec.norm.name),
    head = this.weight(this.spec.head.name),
  ): Tensor {
    const { tf } = this
    const chosen = tf.gather(x, tf.tensor1d(rows, 'int32'))
    return logits(tf, chosen, norm, head, this.spec.norms, tf.scalar(1 / Math.fround(temperature)), excluded)
  }

  private tokens(ids: Int32Array, positions: Int32Array, chunks: Chunk[], available: number, batch?: TrainBatch): Tokens {
    const { tf } = this
    const rotation = (inverse: Float32Array | null, kind: number): Rotation | null => {
      const rope = this.spec.ropes[kind]
      if (!inverse || !rope) return null
      const { cos, sin } = rotations(positions, inverse, amplitudeOf(rope))
      const shape: [number, number, number] = [positions.length, 1, inverse.length]
      return { cos: tf.tensor3d(cos, shape), sin: tf.tensor3d(sin, shape) }
    }
    const hidden = batch?.hidden && { ranges: batch.hidden, levels: batch.hiddenLevels ?? 1 }
    return {
      ids: tf.tensor1d(ids, 'int32'),
      rotations: this.inverse.map(rotation),
      plans: new Map([...this.windows].map((window) => [window, planAttention(tf, chunks, available, window, hidden)])),
    }
  }

  private trainTokens(batch: TrainBatch): Tokens {
    const { ids, positions, bounds } = batch
    const chunks = Array.from({ length: bounds.length - 1 }, (_, s): Chunk => {
      const [first, count] = [bounds[s], bounds[s + 1] - bounds[s]]
      return { first, count, rows: Int32Array.from({ length: count }, (_, i) => first + i) }
    })
    return this.tokens(ids, positions, chunks, ids.length, batch)
  }
}

function allFinite(values: ArrayLike<number>): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false
  return true
}

function named(names: readonly string[], tensors: readonly Tensor[]): Map<string, Tensor> {
  return new Map(names.map((name, i) => [name, tensors[i]]))
}

/** The slots of runs, begin, end, …, one by one. */
function slotsOf(runs: Int32Array): Int32Array {
  const slots: number[] = []
  for (let i = 0; i < runs.length; i += 2) for (let slot = runs[i]; slot < runs[i + 1]; slot++) slots.push(slot)
  return Int32Array.from(slots)
}

/** Tokens whose next one is to be scored: all but the last of each sequence, those in `targets`, those with a weight. */
function targetsOf(
  { ids, bounds, targets, exclusion, exclusionSets = [] }: TrainBatch,
  weights?: Float32Array,
  entropyWeights?: Float32Array,
): Targets {
  const rows: number[] = []
  for (let s = 0; s + 1 < bounds.length; s++) {
    for (let t = bounds[s]; t + 1 < bounds[s + 1]; t++) {
      if ((!targets?.length || targets[t]) && (weights?.[t] !== 0 || (entropyWeights?.[t] ?? 0) !== 0)) rows.push(t)
    }
  }
  return {
    rows: Int32Array.from(rows),
    ids: Int32Array.from(rows, (t) => ids[t + 1]),
    excluded: rows.map((t) => (exclusion?.length && exclusion[t] >= 0 ? exclusionSets[exclusion[t]] : undefined)),
  }
}

function scatter(values: Float32Array, rows: Int32Array, into: Float32Array): void {
  for (let i = 0; i < rows.length; i++) into[rows[i]] = values[i]
}
