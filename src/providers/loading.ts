/** The progress bar of a model that loads. */

import path from 'node:path'
import { Progress, type ProgressOptions } from '../cli/progress.ts'
import { elementCount } from '../engine/spec.ts'
import type { Loadable } from '../engine/types.ts'

/** Small models load faster than anybody reads. */
const QUIET_MS = 1000

/** The same checkpoint. A bar counts its parameters as an engine reads them, where that takes longer than a second. */
export function withLoadingBar<C extends Loadable>(checkpoint: C, options: Partial<ProgressOptions> = {}): C {
  const { weights, folder } = checkpoint
  const counts = new Map(weights.specs.map(({ name, shape }) => [name, elementCount(shape)]))
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
  return {
    ...checkpoint,
    weights: {
      ...weights,
      async open() {
        const bar = new Progress({ label: `loading ${path.basename(folder)}`, unit: 'parameters', total, quietMs: QUIET_MS, ...options })
        let done = 0
        bar.update(0)
        const reader = await weights.open()
        const counted = <T>(name: string, data: T): T => {
          done += counts.get(name) ?? 0
          bar.update(done)
          return data
        }
        return {
          read: async (name) => counted(name, await reader.read(name)),
          ...(reader.stored && { stored: (name: string) => counted(name, reader.stored!(name)) }),
          ...(reader.readBlocks && {
            readBlocks: async (name: string) => {
              const blocks = await reader.readBlocks?.(name)
              return blocks && counted(name, blocks)
            },
          }),
          close() {
            bar.stop()
            return reader.close()
          },
        }
      },
    },
  }
}
