/** What the caller's thread asks of the worker that runs TensorFlow.js: one request, one answer, in order. */

import type { MessagePort } from 'node:worker_threads'
import type { FullUpdate } from '../checks.ts'
import type { Drawn, FlatStep, Scored } from '../model.ts'
import type { ModelConfig } from '../model-config.ts'
import type { ParameterKind, TrainBatch, UpdateResult } from '../types.ts'
import type { BackendChoice, BackendInfo } from './backend.ts'
import type { SamplingRow } from './sampling.ts'

export interface StepRequest extends FlatStep {
  /** Slots below which everything in use lies: what the cache must hold. */
  extent: number
  /** One an input that samples. */
  rows: { input: number; sampling: SamplingRow; exclude?: readonly number[] }[]
}

/** Model is the number that the caller gave it. */
export interface Calls {
  open(choice: BackendChoice, threads: number | undefined): Promise<BackendInfo>
  /** `cancelled[0]` becomes 1 when the model is disposed: a call under way stops between layers. */
  createModel(model: number, config: ModelConfig, cancelled: Int32Array): void
  step(model: number, request: StepRequest): Drawn
  forward(model: number, batch: TrainBatch, keep: boolean, entropy: boolean): Scored
  backward(model: number, weights: Float32Array, entropyWeights?: Float32Array): void
  update(model: number, options: FullUpdate): UpdateResult & { updates: number }
  setUpdates(model: number, updates: number): void
  read(model: number, name: string, kind: ParameterKind): Float32Array
  write(model: number, name: string, kind: ParameterKind, values: Float32Array): void
  accumulate(model: number, name: string, values: Float32Array): void
  disposeModel(model: number): void
  memory(): { numTensors: number; numBytes: number }
}

export type Method = keyof Calls

export interface Request {
  id: number
  method: Method
  args: unknown[]
  /** Where a caller that blocks waits for the answer, and what wakes it. */
  sync?: { port: MessagePort; signal: Int32Array }
}

export interface PackedError {
  name: string
  message: string
  stack?: string
}

export type Answer = { id: number; value: unknown } | { id: number; error: PackedError }

/** Buffers of the arrays that a message hands over for good. */
export function buffersOf(value: unknown): ArrayBuffer[] {
  if (value instanceof Float32Array || value instanceof Int32Array) return value.buffer instanceof ArrayBuffer ? [value.buffer] : []
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap((part) => (ArrayBuffer.isView(part) ? buffersOf(part) : []))
}
