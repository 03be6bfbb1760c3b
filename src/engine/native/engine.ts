import { availableParallelism } from 'node:os'
import { checkModelConfig } from '../checkpoint/config.ts'
import { loadTensors, readCheckpoint } from '../checkpoint/folder.ts'
import { availableMemory, checkMemory } from '../checkpoint/memory.ts'
import { ConfigError, UnavailableError } from '../errors.ts'
import type { Engine, EngineInfo, EngineOptions, InitialWeights, LoadOptions, Model, ModelConfig } from '../types.ts'
import { loadAddon, type NativeAddon, type NativeEngineHandle } from './binding.ts'
import { NativeModel } from './model.ts'

const defaultCacheTokens = 16384

/** The C++ engine on the CPU: float32, its own threads, arithmetic that does not depend on the batch. */
export class NativeEngine implements Engine {
  readonly info: EngineInfo
  private readonly models = new Set<NativeModel>()
  private disposed = false
  private readonly addon: NativeAddon
  private readonly handle: NativeEngineHandle

  constructor(options: EngineOptions = {}) {
    const precision = options.precision ?? 'auto'
    if (precision !== 'auto' && precision !== 'f32') {
      throw new UnavailableError(`precision: ${precision} is not available on the CPU engine yet. Use auto or f32.`)
    }
    const threads = options.threads ?? availableParallelism()
    if (!Number.isInteger(threads) || threads < 1 || threads > 1024) {
      throw new ConfigError(`threads must be an integer from 1 to 1024. Got ${threads}. Leave it out to use every core.`)
    }
    const forced = process.env.PR1_ISA ?? ''
    this.addon = loadAddon()
    try {
      this.handle = new this.addon.NativeEngine(threads, forced)
    } catch (error) {
      throw new UnavailableError(`PR1_ISA=${forced}: ${(error as Error).message} Unset PR1_ISA to use the best there is.`)
    }
    this.info = {
      device: 'cpu',
      precision: 'f32',
      isa: this.handle.isa,
      threads: this.handle.threads,
      reason: `native CPU engine, float32 throughout, ${this.handle.isa} ${forced ? 'forced by PR1_ISA' : 'is the widest this CPU has'}`,
    }
  }

  async load(folder: string, options: LoadOptions = {}): Promise<Model> {
    const { config } = await readCheckpoint(folder)
    checkMemory(config, folder, { train: options.train })
    const model = await this.empty(config, options)
    try {
      for await (const { spec, data } of loadTensors(folder, config)) model.write(spec.name, data)
    } catch (error) {
      await model.dispose()
      throw error
    }
    return model
  }

  async create(config: ModelConfig, weights: InitialWeights, options: LoadOptions = {}): Promise<Model> {
    checkModelConfig(config, 'the model configuration')
    checkMemory(config, 'the new model', { train: options.train })
    const model = await this.empty(config, options)
    for (const spec of model.parameters) model.write(spec.name, weights(spec))
    return model
  }

  private async empty(config: ModelConfig, options: LoadOptions): Promise<NativeModel> {
    if (this.disposed) throw new UnavailableError('The engine was disposed. Open a new one with openEngine().')
    const cacheTokens = options.cacheTokens ?? affordableCache(config)
    if (!Number.isInteger(cacheTokens) || cacheTokens < 0) {
      throw new ConfigError(`cacheTokens must be a whole number of tokens. Got ${cacheTokens}.`)
    }
    const handle = await this.handle.createModel(config, { cacheTokens, recompute: options.recompute ?? false })
    const model = new NativeModel(config, handle, this.addon.page, () => this.models.delete(model))
    this.models.add(model)
    return model
  }

  async dispose(): Promise<void> {
    if (this.disposed) return
    this.disposed = true
    await Promise.all([...this.models].map((model) => model.dispose()))
    this.handle.dispose()
  }
}

/** The default cache, halved until it takes at most a quarter of the memory that is free. */
function affordableCache(config: ModelConfig): number {
  const bytesPerToken = 8 * config.layers * config.kvHeads * config.headDim
  let tokens = defaultCacheTokens
  while (tokens > 1024 && tokens * bytesPerToken > availableMemory() / 4) tokens /= 2
  return tokens
}
