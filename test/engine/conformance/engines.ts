/** Every engine and backend that is present here, and what the suite expects of each. */

import { expect } from 'vitest'
import { randomWeights } from '../../../src/engine/checkpoint/init.ts'
import { type Family, familyNames } from '../../../src/engine/families/names.ts'
import type { ModelConfig } from '../../../src/engine/model-config.ts'
import { loadAddon } from '../../../src/engine/native/binding.ts'
import { openEngine } from '../../../src/engine/open.ts'
import { addonIsBuilt, type BackendChoice } from '../../../src/engine/tfjs/backend.ts'
import { TfjsEngine } from '../../../src/engine/tfjs/engine.ts'
import type { Engine, InitialWeights, Model, TrainBatch } from '../../../src/engine/types.ts'
import { withFeatures } from '../families/features.ts'

export interface Candidate {
  name: string
  open(): Promise<Engine>
  /** A token's arithmetic does not depend on the batch: equal contexts give equal bits. */
  exact: boolean
  /** Orders of magnitude slower than the others: fewer and smaller cases. */
  slow: boolean
}

/** TensorFlow.js on one of its backends, whatever the environment says. */
export async function openTfjs(backend: BackendChoice): Promise<TfjsEngine> {
  const before = process.env.PR1_TFJS
  process.env.PR1_TFJS = backend
  try {
    return await TfjsEngine.open({ threads: 2 })
  } finally {
    if (before === undefined) delete process.env.PR1_TFJS
    else process.env.PR1_TFJS = before
  }
}

let opening: Promise<unknown> = Promise.resolve()
/** The native engine on one instruction set of this CPU, in one precision. One at a time, since the environment names the set. */
export function openNative(isa: string, precision: 'f32' | 'bf16' | 'int8' | 'int4', threads = 2): Promise<Engine> {
  const opened = opening.then(() => openForced(isa, precision, threads))
  opening = opened.catch(() => {})
  return opened
}

async function openForced(isa: string, precision: 'f32' | 'bf16' | 'int8' | 'int4', threads: number): Promise<Engine> {
  const before = process.env.PR1_ISA
  process.env.PR1_ISA = isa
  try {
    return await openEngine({ device: 'cpu', precision, threads })
  } finally {
    if (before === undefined) delete process.env.PR1_ISA
    else process.env.PR1_ISA = before
  }
}

const native: Candidate = { name: 'native', open: () => openEngine({ device: 'cpu', threads: 2 }), exact: true, slow: false }
const javascript: Candidate = { name: 'tfjs, JavaScript', open: () => openTfjs('javascript'), exact: false, slow: true }
const tensorflow: Candidate = { name: 'tfjs, TensorFlow', open: () => openTfjs('tensorflow'), exact: false, slow: false }

if (!addonIsBuilt()) {
  console.warn('skipped: the addon of @tensorflow/tfjs-node-gpu is not built here; scripts/tfjs-link.mjs builds it, see docs/tfjs.md')
}

export const candidates: Candidate[] = [native, javascript, ...(addonIsBuilt() ? [tensorflow] : [])]

/** Every instruction set of this CPU in every precision that it has products of its own for; int8 and int4 decode and score only. */
export const products = loadAddon().instructionSets.flatMap((isa) => {
  const own = isa.endsWith('bf16')
    ? (['bf16'] as const)
    : /int8$|vnni$/.test(isa)
      ? (['int8', 'int4'] as const)
      : (['f32', 'bf16', 'int8', 'int4'] as const)
  return own.map((precision) => ({ isa, precision }))
})
export const precisions: Candidate[] = products.map(({ isa, precision }) => ({
  name: `native, ${isa}, ${precision}`,
  open: () => openNative(isa, precision),
  exact: true,
  slow: false,
}))

/** Those that the native engine's hand-written gradients are judged by. */
export const judges: Candidate[] = candidates.filter(({ name }) => name !== 'native')

export const tiny: ModelConfig = {
  family: 'qwen3',
  vocabSize: 41,
  hiddenSize: 24,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 8,
  intermediateSize: 40,
  rmsNormEps: 1e-6,
  rope: { theta: 10000 },
  tiedEmbeddings: false,
  maxPositions: 512,
}

/** A tiny model of each family. */
export const tinies = familyNames.map((family): [Family, ModelConfig] => [family, withFeatures({ ...tiny, family })])

/** Larger than an initialisation, so that what a token sees matters to its log-probability. */
export function lively(seed: number): InitialWeights {
  const random = randomWeights(seed)
  return (spec) => {
    const values = random(spec)
    if (spec.name.endsWith('.bias')) return values.map((_, i) => Math.sin(seed + i) / 4)
    if (spec.name.endsWith('norm.weight')) return values.map((start, i) => start + Math.sin(seed * 3 + i) / 4)
    return values.map((value) => value * 8)
  }
}

/** Sequences of the given lengths; ids and lengths are all that differ. */
export function batchOf(lengths: readonly number[], vocabSize = tiny.vocabSize): TrainBatch {
  const bounds = [0]
  for (const n of lengths) bounds.push(bounds.at(-1)! + n)
  const total = bounds.at(-1)!
  const ids = new Int32Array(total)
  const positions = new Int32Array(total)
  for (const [s, n] of lengths.entries()) {
    for (let i = 0; i < n; i++) {
      ids[bounds[s] + i] = (i * 31 + s * 17 + ((i * i) % 7)) % vocabSize
      positions[bounds[s] + i] = i
    }
  }
  return { ids, positions, bounds: Int32Array.from(bounds) }
}

export const weightsFor = (batch: TrainBatch): Float32Array => Float32Array.from(batch.ids, (_, i) => Math.sin(i + 1) / batch.ids.length)

export function norm(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
}

/** ‖a − b‖ / ‖b‖ */
export function relativeDistance(a: Float32Array, b: Float32Array, floor = 1e-6): number {
  return norm(a.map((value, i) => value - b[i])) / Math.max(norm(b), floor)
}

export function expectSameBits(a: Float32Array, b: Float32Array, what: string): void {
  expect(Buffer.compare(Buffer.from(a.buffer, a.byteOffset, a.byteLength), Buffer.from(b.buffer, b.byteOffset, b.byteLength)), what).toBe(0)
}

/** Equal bits where the engine promises them, else equal to float32 rounding. */
export function expectEqual(found: Float32Array, expected: Float32Array, { exact }: Candidate, what: string): void {
  if (exact) {
    expectSameBits(found, expected, what)
    return
  }
  for (const [i, value] of expected.entries()) expect(Math.abs(found[i] - value), `${what}, ${i}`).toBeLessThan(1e-4)
}

/** Weights, moments and the number of updates, from one model to another. */
export function copyState(from: Model, to: Model): void {
  for (const { name } of from.parameters) {
    for (const what of ['weight', 'moment1', 'moment2'] as const) to.write(name, from.read(name, what), what)
  }
  to.updates = from.updates
}

/** Decodes a prompt and some tokens; log-probabilities of what it draws, and of the same ids scored. */
export async function drawnAndScored(model: Model): Promise<[Float32Array, Float32Array]> {
  const sequence = model.create()
  const sampling = { temperature: 1, seed: 4, stream: 0 }
  const ids = [3, 1, 4, 1, 5, 9, 2, 6]
  const drawn: number[] = []
  for (let next: number[] = ids; drawn.length < 9; ) {
    const from = ids.length - next.length
    const [{ id, logprob }] = await model.step([{ sequence, ids: next, positions: next.map((_, i) => from + i), sampling }])
    drawn.push(logprob)
    ids.push(id)
    next = [id]
  }
  model.free(sequence)
  const packed = { ids: Int32Array.from(ids), positions: Int32Array.from(ids.keys()), bounds: Int32Array.of(0, ids.length) }
  const { logprobs } = await model.forward(packed, { keep: false })
  return [Float32Array.from(drawn), logprobs.slice(7, 16)]
}
