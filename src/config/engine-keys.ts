/** Keys that a provider and a training file have alike: how the engine is opened, what a path sees. */

import { devices, numericsNames, precisions } from '../engine/devices.ts'
import type { AttentionMode } from '../thinking/types.ts'
import { choice, int, key, text } from './table.ts'

export const attentions = ['structured', 'causal'] as const satisfies readonly AttentionMode[]

export const baseKey = {
  base: key(
    text().optional(),
    'of a `checkpoint` that is an adapter: the model below it, a folder, a GGUF file or an id of the hub: [Your model](model.md#adapters)',
    { absent: 'what the adapter names', change: 'free' },
  ),
}

export const engineKeys = {
  device: key(
    choice(devices).default('auto'),
    'where the model runs; `auto` takes an NVIDIA GPU where the engine is built for it, else the CPU: [docs/cuda.md](cuda.md), [docs/tfjs.md](tfjs.md)',
  ),
  precision: key(
    choice(precisions).default('auto'),
    'of matrix products; `auto` takes the best of the device, `stored` keeps the blocks of a GGUF file with rows in float32, `int8` and `int4` quantise (CPU; only adapters train): [docs/numerics.md](numerics.md#choose-a-precision)',
  ),
  numerics: key(
    choice(numericsNames).default('exact'),
    '`fast`: log-probabilities may depend on the batch; CUDA only: [docs/cuda.md](cuda.md)',
    { newer: true },
  ),
  threads: key(int({ min: 1 }).optional(), 'worker threads of the CPU engine', { absent: 'all cores', change: 'free' }),
}
