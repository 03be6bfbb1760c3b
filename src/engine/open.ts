import { ConfigError, UnavailableError } from './errors.ts'
import type { Engine, EngineOptions } from './types.ts'

const devices = ['auto', 'cpu', 'cuda', 'tfjs']
const precisions = ['auto', 'f32', 'bf16', 'int8']

/**
 * Opens an engine. `auto` takes the best device that is there: the native CPU engine today.
 * Throws `UnavailableError` where the device, the precision or the addon is missing, `ConfigError` on a bad option.
 */
export async function openEngine(options: EngineOptions = {}): Promise<Engine> {
  const device = options.device ?? 'auto'
  if (!devices.includes(device)) throw new ConfigError(`device must be one of ${devices.join(', ')}. Got ${device}.`)
  if (options.precision && !precisions.includes(options.precision)) {
    throw new ConfigError(`precision must be one of ${precisions.join(', ')}. Got ${options.precision}.`)
  }
  if (device === 'cuda' || device === 'tfjs') {
    throw new UnavailableError(`device: ${device} is not built into this version. Use auto or cpu.`)
  }
  const { NativeEngine } = await import('./native/engine.ts')
  return new NativeEngine(options)
}
