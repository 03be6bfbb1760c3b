/** Adapters that PEFT wrote (test/fixtures/make_adapters.py), and models of this folder's tests. */

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { readAdapters } from '../../../src/engine/adapters/read.ts'
import { type Checkpoint, openCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { modelSpec } from '../../../src/engine/families/index.ts'
import { openEngine } from '../../../src/engine/open.ts'
import type { Loadable } from '../../../src/engine/types.ts'

const fixtures = path.resolve(import.meta.dirname, '../../fixtures')

export const modelFolder = (name: string): string => path.join(fixtures, 'models', name)
export const adapterFolder = (name: string): string => path.join(fixtures, 'adapters', name)

interface Expected {
  base: string
  ids: number[]
  /** Of the adapter, as PEFT loads it. */
  logprobs: number[]
  /** Of the base. */
  without: number[]
}

export const expected: Record<string, Expected> = JSON.parse(readFileSync(path.join(fixtures, 'adapters/logprobs.json'), 'utf8'))

/** A base with the adapter of a folder beside it. */
export async function adapted(base: string, folder: string): Promise<Checkpoint & { warnings: string[] }> {
  const checkpoint = await openCheckpoint(base)
  const { adapters, warnings } = await readAdapters(folder, modelSpec(checkpoint.config))
  return { ...checkpoint, adapters, warnings }
}

/** log p(ids[i + 1] | ids up to i) by the native engine in float32. */
export async function logprobsOf(checkpoint: Loadable, ids: readonly number[]): Promise<number[]> {
  const engine = await openEngine({ device: 'cpu', precision: 'f32', threads: 1 })
  try {
    const model = await engine.load(checkpoint)
    const positions = Int32Array.from(ids, (_, i) => i)
    const batch = { ids: Int32Array.from(ids), positions, bounds: Int32Array.of(0, ids.length) }
    const { logprobs } = await model.forward(batch, { keep: false })
    return [...logprobs].slice(0, -1)
  } finally {
    await engine.dispose()
  }
}

/** The largest difference of two lists. */
export function farthest(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) throw new Error(`${a.length} and ${b.length} numbers`)
  return Math.max(...a.map((value, i) => Math.abs(value - b[i])))
}
