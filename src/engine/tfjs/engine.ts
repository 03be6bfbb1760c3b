import { merged } from '../adapters/merge.ts'
import { checkModelConfig } from '../checkpoint/config.ts'
import { openCheckpoint } from '../checkpoint/folder.ts'
import { affordableCache, checkMemory } from '../checkpoint/memory.ts'
import { checkOptimizerState } from '../checks.ts'
import { precisionsOf } from '../devices.ts'
import { ConfigError, NoAdaptersError, NoTrainingError, UnavailableError } from '../errors.ts'
import { modelSpec } from '../families/index.ts'
import type { ModelConfig } from '../model-config.ts'
import type { Engine, EngineInfo, EngineOptions, InitialWeights, Loadable, LoadOptions, Model } from '../types.ts'
import { type BackendChoice, backendChoices } from './backend.ts'
import { Host } from './host.ts'
import { TfjsModel } from './model.ts'

/** TensorFlow.js in a worker thread of its own: float32, gradients by automatic differentiation. */
export class TfjsEngine implements Engine {
  readonly info: EngineInfo
  /** TensorFlow found a GPU and uses it. */
  readonly gpu: boolean
  private readonly host: Host
  private readonly models = new Set<TfjsModel>()
  private nextModel = 1
  private disposing: Promise<void> | undefined

  private constructor(host: Host, info: EngineInfo, gpu: boolean) {
    this.host = host
    this.info = info
    this.gpu = gpu
  }

  /**
   * Starts the worker and loads TensorFlow.js there: the addon of tfjs-node-gpu if it loads, else the backend in JavaScript.
   * PR1_TFJS=tensorflow or javascript forces one.
   * @throws UnavailableError where neither, or not the one asked for, can be had; ConfigError on a bad option
   */
  static async open(options: EngineOptions = {}): Promise<TfjsEngine> {
    const { precision = 'auto', threads } = options
    if (!precisionsOf.tfjs.includes(precision)) {
      throw new UnavailableError(
        `precision: ${precision} is not available with device: tfjs (TensorFlow.js has no such numbers). Use auto or f32.`,
      )
    }
    if (threads !== undefined && (!Number.isInteger(threads) || threads < 1 || threads > 1024)) {
      throw new ConfigError(`threads must be an integer from 1 to 1024. Got ${threads}. Leave it out to use every core.`)
    }
    const choice = (process.env.PR1_TFJS || 'auto') as BackendChoice
    if (!backendChoices.includes(choice)) {
      throw new ConfigError(`PR1_TFJS must be one of ${backendChoices.join(', ')}. Got ${choice}.`)
    }
    const host = new Host()
    try {
      const { backend, gpu, threads: used, reason } = await host.call('open', choice, threads)
      const isa = backend === 'javascript' ? backend : `${backend}-${gpu ? 'gpu' : 'cpu'}`
      return new TfjsEngine(host, { device: 'tfjs', precision: 'f32', isa, threads: used, reason }, gpu)
    } catch (error) {
      await host.close()
      throw error
    }
  }

  infoFor(): EngineInfo {
    return this.info
  }

  async load(source: Loadable | string, options: LoadOptions = {}): Promise<Model> {
    const checkpoint = merged(typeof source === 'string' ? await openCheckpoint(source) : source)
    const { config, folder } = checkpoint
    checkMemory(modelSpec(config), folder, options)
    const model = await this.empty(config, { ...options, train: options.train ?? false }, folder)
    try {
      await model.load(checkpoint)
    } catch (error) {
      await model.dispose()
      throw error
    }
    return model
  }

  async create(config: ModelConfig, weights: InitialWeights, options: LoadOptions = {}): Promise<Model> {
    checkModelConfig(config, 'the model configuration')
    checkMemory(modelSpec(config), 'the new model', options)
    const model = await this.empty(config, options, 'The new model')
    for (const spec of model.parameters) model.write(spec.name, weights(spec))
    return model
  }

  /** What TensorFlow.js holds at the moment, all models together. */
  memory(): Promise<{ numTensors: number; numBytes: number }> {
    return this.host.call('memory')
  }

  /** A call under way ends between two layers. */
  dispose(): Promise<void> {
    this.disposing ??= Promise.all([...this.models].map((model) => model.dispose())).then(() => this.host.close())
    return this.disposing
  }

  private async empty(config: ModelConfig, options: LoadOptions, checkpoint: string): Promise<TfjsModel> {
    if (this.disposing) throw new UnavailableError('The engine was disposed. Open a new one with openEngine().')
    if (options.adapters) throw new NoAdaptersError('tfjs')
    checkOptimizerState('tfjs', options.optimizerState ?? 'f32')
    const spec = modelSpec(config)
    const cacheTokens = options.cacheTokens ?? affordableCache(spec)
    if (!Number.isInteger(cacheTokens) || cacheTokens < 0) {
      throw new ConfigError(`cacheTokens must be a whole number of tokens. Got ${cacheTokens}.`)
    }
    const id = this.nextModel++
    const cancelled = new Int32Array(new SharedArrayBuffer(4))
    const place = { host: this.host, id, cancelled }
    const noTraining = options.train === false ? NoTrainingError.loadedToDecode() : undefined
    const model = new TfjsModel(config, spec, place, { checkpoint, cacheTokens, noTraining, onDispose: () => this.models.delete(model) })
    this.models.add(model)
    await this.host.call('createModel', id, config, cancelled)
    return model
  }
}
