import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { merged } from '../adapters/merge.ts'
import { checkModelConfig } from '../checkpoint/config.ts'
import { openCheckpoint } from '../checkpoint/folder.ts'
import { affordableCache, checkMemory, gpuCache, gpuStepTokens } from '../checkpoint/memory.ts'
import { checkOptimizerState } from '../checks.ts'
import { precisionsOf } from '../devices.ts'
import { ConfigError, NoAdaptersError, NoTrainingError, UnavailableError } from '../errors.ts'
import { modelSpec } from '../families/index.ts'
import type { ModelConfig } from '../model-config.ts'
import { elementCount } from '../spec.ts'
import {
  type DeviceMemory,
  type Engine,
  type EngineInfo,
  type EngineOptions,
  type InitialWeights,
  type Loadable,
  type LoadOptions,
  type Model,
  optimizerStates,
  type Precision,
} from '../types.ts'
import { fillAdapters, nativeAdapters, trainedParameters } from './adapters.ts'
import { cudaCommand, cudaLibrary, loadAddon, type NativeAddon, type NativeEngineHandle } from './binding.ts'
import { fill } from './fill.ts'
import { asStored, describeHeld, type Held, heldBytes, quantizedTo, quantizedTypes } from './held.ts'
import { NativeModel } from './model.ts'

const products = {
  f32: 'float32 throughout',
  bf16: 'bfloat16 products with float32 sums',
  stored: 'float32 throughout; a GGUF file keeps its blocks',
  int8: 'weights quantised to Q8_0 blocks',
  int4: 'weights quantised to Q4_0 blocks',
}
type CpuPrecision = keyof typeof products
/** {@link Model.draftRowCost} as `bench/speculation.mjs --rows` measured it, by what products read. On a GPU nobody has measured it. */
const draftRowCosts = { f32: 0.05, bf16: 0.05, float32: 0.05, int8: 0.15 }
const rowsOf = { int8: '8-bit rows, float32 sums', float32: 'float32 rows and sums' }

const frozen = 'no training but of adapters'

/** `auto` takes bfloat16 where products in it are the fastest (`isa` is named after it then), else float32; PR1_PRECISION speaks for `auto`. */
function cpuPrecision(asked: Precision, isa: string): { precision: CpuPrecision; why: string } {
  if (asked !== 'auto') return { precision: asked, why: 'as asked for' }
  const forced = process.env.PR1_PRECISION
  if (forced) {
    if (!(forced in products))
      throw new ConfigError(
        `PR1_PRECISION must be ${Object.keys(products)
          .join(', ')
          .replace(/, (?=\w+$)/, ' or ')}. Got ${forced}. Unset it to let the engine choose.`,
      )
    return { precision: forced as CpuPrecision, why: 'set by PR1_PRECISION' }
  }
  if (!isa.includes('bf16')) return { precision: 'f32', why: 'this CPU has no faster products' }
  return { precision: 'bf16', why: process.env.PR1_ISA ? 'what PR1_ISA multiplies' : 'the fastest of this CPU' }
}

/** The C++ engine, on the CPU or on an NVIDIA GPU (bfloat16 products); arithmetic that does not depend on the batch. */
export class NativeEngine implements Engine {
  readonly info: EngineInfo
  /** Blocks that a file stores stay as they are: where nobody asked for a precision. */
  private readonly keepsBlocks: boolean
  private readonly models = new Set<NativeModel>()
  private disposed = false
  private readonly addon: NativeAddon
  private readonly handle: NativeEngineHandle

  /** Throws `UnavailableError` with the reason where `device` is cuda and the library, the driver or a GPU is missing. */
  constructor(options: EngineOptions = {}, device: 'cpu' | 'cuda' = 'cpu') {
    const precision = options.precision ?? 'auto'
    if (device === 'cuda') {
      if (!precisionsOf.cuda.includes(precision)) {
        throw new UnavailableError(`precision: ${precision} is not available on device: cuda. Use auto or bf16, or device: cpu.`)
      }
      this.addon = loadAddon()
      const opened = openCuda(this.addon, options)
      this.keepsBlocks = false
      this.handle = opened.handle
      this.info = opened.info
      return
    }
    const threads = options.threads ?? availableParallelism()
    if (!Number.isInteger(threads) || threads < 1 || threads > 1024) {
      throw new ConfigError(`threads must be an integer from 1 to 1024. Got ${threads}. Leave it out to use every core.`)
    }
    const forced = process.env.PR1_ISA ?? ''
    this.addon = loadAddon()
    const chosen = cpuPrecision(precision, forced || this.addon.bestInstructionSet('bf16'))
    this.keepsBlocks = chosen.precision === 'stored' || (precision === 'auto' && !process.env.PR1_PRECISION)
    try {
      this.handle = new this.addon.NativeEngine(
        threads,
        forced,
        undefined,
        chosen.precision === 'bf16' ? 'bf16' : 'f32',
        chosen.precision === 'stored' || !(this.keepsBlocks || quantizing(chosen.precision)) ? 'float32' : 'auto',
      )
    } catch (error) {
      throw new UnavailableError(`PR1_ISA=${forced}: ${(error as Error).message} Unset PR1_ISA to use the best there is.`)
    }
    const { isa, blockRows } = this.handle
    const rows = chosen.precision === 'int8' || chosen.precision === 'int4' ? `, ${rowsOf[blockRows]}, ${frozen}` : ''
    const refused = this.addon.refused ? `; ${this.addon.refused}` : ''
    this.info = {
      device: 'cpu',
      precision: chosen.precision === 'stored' ? 'f32' : chosen.precision,
      isa,
      threads: this.handle.threads,
      reason: `native CPU engine, ${products[chosen.precision]}${rows}, ${chosen.why}${forced ? `, ${isa} forced by PR1_ISA` : ''}${refused}`,
    }
  }

  async load(source: Loadable | string, options: LoadOptions = {}): Promise<Model> {
    const opened = typeof source === 'string' ? await openCheckpoint(source) : source
    const checkpoint = this.info.device === 'cpu' ? opened : merged(opened)
    const { config, folder } = checkpoint
    const adapters = options.adapters ?? checkpoint.adapters
    const stored = this.stored(checkpoint, options)
    const model = await this.empty(config, { ...options, adapters, train: options.train ?? false }, folder, stored)
    try {
      await fill(model, checkpoint, { stored, readsFiles: this.handle.loadsFiles && !model.held })
      if (adapters) await fillAdapters(model, folder, modelSpec(config), adapters)
    } catch (error) {
      await model.dispose()
      throw error
    }
    return model
  }

  async create(config: ModelConfig, weights: InitialWeights, options: LoadOptions = {}): Promise<Model> {
    checkModelConfig(config, 'the model configuration')
    const quantizes = quantizing(this.info.precision)
    const { adapters } = options
    const model = await this.empty(config, { ...options, train: options.train ?? (!quantizes || adapters !== undefined) }, 'The new model')
    for (const spec of model.weights) model.fill(spec.name, weights(spec))
    if (adapters) await fillAdapters(model, 'The new model', modelSpec(config), adapters)
    return model
  }

  infoFor(checkpoint: Loadable, options: LoadOptions = {}): EngineInfo {
    const held = this.stored(checkpoint, options)
    if (!held) return this.info
    const what = describeHeld(modelSpec(checkpoint.config), held)
    const { blockRows } = this.handle
    const trains = (options.adapters ?? checkpoint.adapters) ? 'only adapters train' : frozen
    const reason = `native CPU engine, weights in ${what} as the file has them, ${rowsOf[blockRows]}, ${trains}`
    return { ...this.info, precision: blockRows === 'int8' ? 'blocks-int8' : 'blocks', reason }
  }

  /** The blocks that a checkpoint's weights stay in. */
  private stored({ config, weights, adapters }: Loadable, options: LoadOptions): Held | undefined {
    const trains = options.train && !(options.adapters ?? adapters)
    return this.keepsBlocks && !trains ? asStored(modelSpec(config), weights.blockTypes) : undefined
  }

  private async empty(config: ModelConfig, options: LoadOptions, checkpoint: string, stored?: Held): Promise<NativeModel> {
    const { precision } = this.info
    const quantizes = quantizing(precision)
    const { adapters } = options
    if (adapters && this.info.device !== 'cpu') throw new NoAdaptersError(this.info.device)
    const { optimizerState = 'f32' } = options
    checkOptimizerState(this.info.device, optimizerState)
    if (options.train && quantizes && !adapters) throw new NoTrainingError()
    if (this.disposed) throw new UnavailableError('The engine was disposed. Open a new one with openEngine().')
    const spec = modelSpec(config)
    const held = quantizes ? quantizedTo(spec, precision) : stored
    const { train = false } = options
    const [device, packed] = [this.deviceMemory(), precision === 'bf16' ? 2 : 4]
    // What other models of this engine were promised is not free, though nothing holds it yet.
    const available = device && [...this.models].reduce((free, model) => free - model.owed, device.free)
    const blocks = held && heldBytes(spec, held)
    const masters = (train && !adapters) || !this.handle.loadsFiles
    const beside = adapters && trainedParameters(spec, adapters)
    const adapterCount = beside?.reduce((sum, { shape }) => sum + elementCount(shape), 0)
    const room = checkMemory(spec, checkpoint, {
      gpu: device?.name,
      train,
      optimizerState,
      cacheTokens: options.cacheTokens,
      available,
      packed,
      masters,
      blocks,
      adapterCount,
    })
    const cacheTokens = options.cacheTokens ?? (device ? gpuCache(spec, room, train) : affordableCache(spec, available))
    if (!Number.isInteger(cacheTokens) || cacheTokens < 0) {
      throw new ConfigError(`cacheTokens must be a whole number of tokens. Got ${cacheTokens}.`)
    }
    const types = held && Object.fromEntries(held)
    const recompute = options.recompute ?? false
    const moments = optimizerStates.indexOf(optimizerState)
    const made = { cacheTokens, recompute, trains: train, moments, types, adapters: beside && nativeAdapters(spec, adapters!, beside) }
    const handle = await this.handle.createModel(spec, made)
    const onDispose = () => this.models.delete(model)
    const noTraining = held && !adapters ? new NoTrainingError() : train ? undefined : NoTrainingError.loadedToDecode()
    const draftRowCost =
      this.info.device === 'cpu' ? draftRowCosts[held ? this.handle.blockRows : (precision as 'f32' | 'bf16')] : undefined
    const model = new NativeModel(config, spec, handle, {
      ...{ checkpoint, cacheTokens, noTraining, held, draftRowCost, onDispose, stepTokens: device && gpuStepTokens(spec, room) },
      adapters: beside,
    })
    this.models.add(model)
    return model
  }

  deviceMemory(): DeviceMemory | undefined {
    const memory = this.handle.memory()
    if (!memory) return undefined
    const { name, totalBytes } = this.handle.gpu!
    // What the engine holds in pieces that nothing uses can be had, too.
    return { name, total: totalBytes, used: memory.used, free: memory.free + memory.held - memory.used }
  }

  async dispose(): Promise<void> {
    if (this.disposed) return
    this.disposed = true
    await Promise.all([...this.models].map((model) => model.dispose()))
    this.handle.dispose()
  }
}

function quantizing(precision: EngineInfo['precision']): precision is keyof typeof quantizedTypes {
  return precision in quantizedTypes
}

/** The addon's engine on the GPU, and what it says of itself. */
function openCuda(addon: NativeAddon, options: EngineOptions): { handle: NativeEngineHandle; info: EngineInfo } {
  const library = cudaLibrary()
  if (!existsSync(library)) {
    throw new UnavailableError(
      `device: cuda needs the CUDA library, ${library}, which is not there. Build it with \`${cudaCommand()}\`, or set PR1_CUDA to one. See docs/cuda.md.`,
    )
  }
  const numerics = options.numerics ?? 'exact'
  if (numerics !== 'exact' && numerics !== 'fast') throw new ConfigError(`numerics must be exact or fast. Got ${numerics}.`)
  let handle: NativeEngineHandle
  try {
    handle = new addon.NativeEngine(1, '', library, numerics)
  } catch (error) {
    throw new UnavailableError(`device: cuda cannot be used: ${(error as Error).message}. Use device: cpu.`)
  }
  const { name, products, switched } = handle.gpu!
  const reason = `${name}, bfloat16 products with float32 sums, ${numerics} numerics, ${products}${switched && `, ${switched}`}`
  return { handle, info: { device: 'cuda', precision: 'bf16', isa: handle.isa, threads: handle.threads, reason } }
}
