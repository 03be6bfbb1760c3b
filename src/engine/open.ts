import { existsSync } from 'node:fs'
import { devices, numericsNames, precisions } from './devices.ts'
import { ConfigError, UnavailableError } from './errors.ts'
import type { Engine, EngineOptions } from './types.ts'

/**
 * Opens an engine. `auto` takes the best device that is there: the native engine on an NVIDIA GPU, TensorFlow.js where its
 * addon is built and uses a GPU, else the native CPU engine. TensorFlow.js without a GPU runs only where `device: tfjs` asks
 * for it.
 * Throws `UnavailableError` where the device, the precision, the numerics or the addon is missing, `ConfigError` on a bad option.
 */
export async function openEngine(options: EngineOptions = {}): Promise<Engine> {
  const device = options.device ?? 'auto'
  if (!devices.includes(device)) throw new ConfigError(`device must be one of ${devices.join(', ')}. Got ${device}.`)
  if (options.precision && !precisions.includes(options.precision)) {
    throw new ConfigError(`precision must be one of ${precisions.join(', ')}. Got ${options.precision}.`)
  }
  if (options.numerics && !numericsNames.includes(options.numerics)) {
    throw new ConfigError(`numerics must be ${numericsNames.join(' or ')}. Got ${options.numerics}.`)
  }
  const fast = options.numerics === 'fast'
  if (fast && (device === 'cpu' || device === 'tfjs')) throw notFast(`device: ${device}`)
  if (device === 'tfjs') {
    const { TfjsEngine } = await import('./tfjs/engine.ts')
    return TfjsEngine.open(options)
  }
  const { NativeEngine } = await import('./native/engine.ts')
  if (device === 'cuda') return new NativeEngine(options, 'cuda')
  const cuda = device === 'auto' ? await cudaOnGpu(options) : undefined
  if (typeof cuda === 'object') return cuda
  if (fast)
    throw notFast(`device: auto, and ${cuda?.replace(/\.$/, '') ?? 'this machine has neither the CUDA library nor an NVIDIA driver'}`)
  const gpu = device === 'auto' ? await tfjsOnGpu(options) : undefined
  if (typeof gpu === 'object') return gpu
  const engine = new NativeEngine(options)
  if (cuda !== undefined) engine.info.reason += `; ${cuda}`
  if (gpu !== undefined) engine.info.reason += `; ${gpu}`
  return engine
}

function notFast(got: string): UnavailableError {
  return new UnavailableError(
    `numerics: fast is available on CUDA only. Got ${got}. Use numerics: exact, or device: cuda where there is a GPU.`,
  )
}

/** The native engine on a GPU; a line that says why not, where the CUDA library or a driver is there; undefined elsewhere. */
async function cudaOnGpu(options: EngineOptions): Promise<Engine | string | undefined> {
  const { cudaLibrary } = await import('./native/binding.ts')
  if (!existsSync(cudaLibrary()) && !existsSync('/dev/nvidiactl')) return undefined
  const { NativeEngine } = await import('./native/engine.ts')
  try {
    return new NativeEngine(options, 'cuda')
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error
    return `CUDA is not used: ${error.message}`
  }
}

/** TensorFlow.js on a GPU; a line that says why not, where there is one and the addon too; undefined, nothing loaded, elsewhere. */
async function tfjsOnGpu(options: EngineOptions): Promise<Engine | string | undefined> {
  const { addonIsBuilt, gpuDriverIsThere } = await import('./tfjs/backend.ts')
  if (!gpuDriverIsThere() || !addonIsBuilt()) return undefined
  const { TfjsEngine } = await import('./tfjs/engine.ts')
  try {
    const engine = await TfjsEngine.open(options)
    if (engine.gpu) return engine
    await engine.dispose()
    return `tfjs finds no GPU (${engine.info.reason})`
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error
    return `tfjs is not used: ${error.message}`
  }
}
