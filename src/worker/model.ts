/** The model of a worker, and what a run may ask of it (cluster/protocol.ts). */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { numbersOf, packArrays, unpackArrays } from '../cluster/arrays.ts'
import { type Call, type Outcome, type Setup, STATE_ERROR, type WorkerInfo } from '../cluster/protocol.ts'
import { requestFromWire, thoughtToWire } from '../cluster/requests.ts'
import { toWire } from '../cluster/wire-errors.ts'
import { openCheckpoint } from '../engine/checkpoint/folder.ts'
import { Tokenizer } from '../engine/checkpoint/tokenizer.ts'
import { ConfigError } from '../engine/errors.ts'
import { clearGradient, GradientTree, takeGradient } from '../engine/gradients.ts'
import { openEngine } from '../engine/open.ts'
import { Arrival, Departure } from '../engine/parts.ts'
import { elementCount } from '../engine/spec.ts'
import type { Engine, EngineInfo, Model, TrainBatch } from '../engine/types.ts'
import { localThinker, type Thinker } from '../thinking/thinker.ts'
import type { ModelSource } from '../trainer/config/config.ts'
import { openModel } from '../trainer/model/model.ts'
import { SentFiles } from './sent-files.ts'

interface Answer {
  header: Record<string, unknown>
  payload?: readonly Uint8Array[]
}

interface Served {
  engine: Engine
  info: EngineInfo
  model: Model
  tokenizer: Tokenizer
}

/** What a shard's forwards and backwards leave between calls. */
interface Task {
  name: string
  /** Of the last call that was answered. */
  step: number
  tree: GradientTree
  sum: Departure
}

export class WorkerModel {
  /** Of this package. */
  readonly #version: string
  #served: Served | undefined
  #thinker: Thinker | undefined
  /** Of the model now. */
  #weights = ''
  /** Those that the model is to have next, of which not all is there. */
  #coming: { weights: string; parts: Arrival } | undefined
  #task: Task | undefined
  readonly #places = new SentFiles()
  readonly #calls = new Map<string, AbortController>()
  /** Calls that change the model come one after the other. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(version: string) {
    this.#version = version
  }

  /** Answers a call. Rejects with what is wrong with it. */
  answer(call: Call, payload: Uint8Array): Promise<Answer> {
    switch (call.op) {
      case 'setup':
        return this.#inTurn(() => this.#setUp(call))
      case 'file':
        return this.#inTurn(() => this.#places.take(call, payload)).then(() => ({ header: {} }))
      case 'weights':
        return this.#inTurn(() => this.#take(call, payload))
      case 'think':
        return this.#think(call)
      case 'cancel':
        this.#calls.get(call.call)?.abort()
        return Promise.resolve({ header: {} })
      case 'forward':
        return this.#inTurn(() => this.#forward(call, payload))
      case 'backward':
        return this.#inTurn(() => this.#backward(call, payload))
      case 'shard':
        return this.#inTurn(async () => {
          const { tree } = this.#at(call)
          tree.add(takeGradient(this.#model()))
          return { header: {} }
        })
      case 'gradient':
        return this.#part(call)
      default:
        return Promise.reject(new ConfigError(`A worker knows no call "${(call as { op: unknown }).op}".`))
    }
  }

  async close(): Promise<void> {
    await this.#thinker?.close()
    await this.#served?.engine.dispose()
    this.#thinker = this.#served = undefined
  }

  /** Removes what was sent. */
  removeFiles(): void {
    this.#places.remove()
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => {})
    return done
  }

  async #setUp({ version, engine: asked, model: what }: Setup): Promise<Answer> {
    if (version !== this.#version) {
      throw new ConfigError(`It has parallel-r1 ${this.#version}, and the run ${version}. Install the same version there`)
    }
    await this.close()
    this.#weights = ''
    this.#coming = undefined
    this.#begin(undefined)
    const engine = await openEngine(asked)
    try {
      this.#served = { engine, ...(await open(engine, what, this.#places)) }
    } catch (error) {
      await engine.dispose()
      throw error
    }
    if (what.kind === 'checkpoint') this.#weights = what.hash
    const { device, precision, isa, threads } = this.#served.info
    return { header: { info: { device, precision, isa, threads } satisfies WorkerInfo } }
  }

  async #take({ weights, part }: Extract<Call, { op: 'weights' }>, payload: Uint8Array): Promise<Answer> {
    const model = this.#model()
    if (weights === this.#weights) return { header: {} }
    if (this.#coming?.weights !== weights) {
      await this.#closeThinker()
      this.#begin(undefined)
      this.#weights = ''
      this.#coming = { weights, parts: new Arrival(model, (name, values) => model.write(name, values)) }
    }
    const { parts } = this.#coming
    parts.take(part, numbersOf(payload))
    if (parts.complete) {
      this.#weights = weights
      this.#coming = undefined
    }
    return { header: {} }
  }

  async #think({ weights, call, requests }: Extract<Call, { op: 'think' }>): Promise<Answer> {
    // Whatever is under way belongs before it.
    await this.#turn
    const { tokenizer } = this.#with(weights)
    const stop = new AbortController()
    this.#calls.set(call, stop)
    this.#thinker ??= localThinker(this.#model())
    const thinker = this.#thinker
    try {
      const outcomes = await Promise.all(
        requests.map(async (request): Promise<Outcome> => {
          try {
            return { thought: thoughtToWire(await thinker.think(requestFromWire(request, tokenizer), stop.signal)) }
          } catch (error) {
            return { error: toWire(error) }
          }
        }),
      )
      return { header: { outcomes } }
    } finally {
      this.#calls.delete(call)
    }
  }

  async #forward({ weights, task, step, batch, options, arrays }: Extract<Call, { op: 'forward' }>, payload: Uint8Array): Promise<Answer> {
    this.#with(weights)
    const model = this.#model()
    if (options.keep !== false) {
      if (step === 0) {
        await this.#closeThinker()
        clearGradient(model)
        this.#begin({ name: task, step, tree: new GradientTree(), sum: new Departure(model) })
      } else this.#at({ task, step })
    }
    const whole = { ...batch, ...unpackArrays(arrays, payload) } as unknown as TrainBatch
    const { logprobs, entropies } = await model.forward(whole, options)
    const { notes, payload: parts } = packArrays({ logprobs, entropies })
    return { header: { arrays: notes }, payload: parts }
  }

  async #backward({ task, step, arrays, last }: Extract<Call, { op: 'backward' }>, payload: Uint8Array): Promise<Answer> {
    const { tree, sum } = this.#at({ task, step })
    const { slopes, entropySlopes } = unpackArrays(arrays, payload) as Record<string, Float32Array | undefined>
    const behind = last ? tree.sumsBehind() : []
    // A gradient of one part leaves at the end anyhow.
    const reached = last && sum.parts > 1 ? (layer: number) => sum.reached(behind, layer) : undefined
    await this.#model().backward(slopes!, entropySlopes, { reached })
    if (last) sum.reached(behind)
    return { header: {} }
  }

  /** Out of turn: it is asked for while the backward that makes it waits or works. */
  async #part({ task, part }: Extract<Call, { op: 'gradient' }>): Promise<Answer> {
    if (this.#task?.name !== task) throw new StateError(`It is at "${this.#task?.name}", not at "${task}".`)
    const { buffer, byteOffset, byteLength } = await this.#task.sum.part(part)
    return { header: {}, payload: [new Uint8Array(buffer, byteOffset, byteLength)] }
  }

  /** What another task left is gone. */
  #begin(task: Task | undefined): void {
    this.#task?.sum.fail(new StateError(`It has left "${this.#task.name}".`))
    this.#task = task
  }

  async #closeThinker(): Promise<void> {
    await this.#thinker?.close()
    this.#thinker = undefined
  }

  #model(): Model {
    if (!this.#served) throw new StateError('No model was set up.')
    return this.#served.model
  }

  #with(weights: string): Served {
    if (!this.#served || this.#weights !== weights) throw new StateError(`It holds weights "${this.#weights}", not "${weights}".`)
    return this.#served
  }

  /** The task under way, where the call is its next. */
  #at({ task, step }: { task: string; step: number }): Task {
    const under = this.#task
    if (!under || under.name !== task || step !== under.step + 1) {
      throw new StateError(`It stands at step ${under?.step} of "${under?.name}", not before step ${step} of "${task}".`)
    }
    under.step = step
    return under
  }
}

class StateError extends Error {
  override name = STATE_ERROR
}

async function open(engine: Engine, what: Setup['model'], sent: SentFiles): Promise<Omit<Served, 'engine'>> {
  switch (what.kind) {
    case 'weights': {
      const model = await engine.create(what.config, ({ shape }) => new Float32Array(elementCount(shape)), what.options)
      return { model, tokenizer: await tokenizerOf(what.tokenizer), info: engine.info }
    }
    case 'adapters': {
      const { folder, base } = sent.places(what.places)
      const source = { ...(what.source as Omit<ModelSource, 'checkpoint'>), checkpoint: folder, base }
      const opened = await openModel(engine, source, what.seed, what.options)
      sent.check(what.places, (await opened.below!()) === what.below)
      return { model: opened.model, tokenizer: opened.checkpoint.tokenizer, info: opened.info ?? engine.info }
    }
    case 'checkpoint': {
      const { folder, base } = sent.places(what.places)
      const checkpoint = await openCheckpoint(folder, { base })
      sent.check(what.places, (await checkpoint.identity.hash()) === what.hash)
      if (!checkpoint.tokenizer) throw new ConfigError(`${what.places.folder} has no tokenizer`)
      const model = await engine.load(checkpoint, what.options)
      return { model, tokenizer: checkpoint.tokenizer, info: engine.infoFor(checkpoint, what.options) }
    }
  }
}

async function tokenizerOf(files: Record<string, string>): Promise<Tokenizer> {
  const folder = await mkdtemp(join(tmpdir(), 'pr1-worker-'))
  try {
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content)
    return Tokenizer.load(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
