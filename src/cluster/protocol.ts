/**
 * What a run says to its workers. Every call may be made twice: an answer follows from the call and from what it names (weights of a version, a
 * shard from its first forward on). A worker that was started anew knows nothing, says StateError, and is told again.
 */

import type { ModelConfig } from '../engine/model-config.ts'
import type { ForwardOptions, LoadOptions, TrainBatch } from '../engine/types.ts'
import type { ThinkRequest, Thought } from '../thinking/types.ts'
import type { ArrayNote } from './arrays.ts'

/** How a worker opens its engine. Precision and instruction set are those of the run, so that the bits are. */
export interface EngineSetup {
  device: 'cpu' | 'cuda'
  precision: 'auto' | 'f32' | 'bf16' | 'stored' | 'int8' | 'int4'
  numerics: 'exact' | 'fast'
  threads: number
}

export type ModelSetup =
  /** Made from nothing; its weights follow. `tokenizer`: name → content of its files. */
  | { kind: 'weights'; config: ModelConfig; tokenizer: Record<string, string>; options: LoadOptions }
  /** New adapters beside a model; their weights follow. `source`: the rest of what a training file says of it, `below`: hash of the model. */
  | { kind: 'adapters'; places: Places; source: unknown; seed: number; below: string; options: LoadOptions }
  /** `hash`: of its files. */
  | { kind: 'checkpoint'; places: Places; hash: string; options: LoadOptions }

/** Folders or files of a checkpoint and, of an adapter, its base: absolute, on the machine of the run. A worker that has other ones there, or none, is sent them. */
export interface Places {
  folder: string
  base?: string
}

export interface Setup {
  op: 'setup'
  /** Of this package. */
  version: string
  engine: EngineSetup
  model: ModelSetup
}

/** What decides the bits of a worker's numbers. */
export interface WorkerInfo {
  device: string
  precision: string
  isa: string
  threads: number
}

/** A request without what a worker makes itself from its tokenizer. */
export type WireRequest = Omit<ThinkRequest, 'tagText' | 'thinking' | 'settledBy'> & {
  tagText?: true
  thinking?: Omit<NonNullable<ThinkRequest['thinking']>, 'piece'>
  settledBy?: { text: string }
}

/** A thought without the ids of its prompt, which the asker has. */
export type WireThought = Omit<Thought, 'trajectory'> & { trajectory: Omit<Thought['trajectory'], 'promptIds'> }

/** Arrays of the batch are in the payload. */
type WireBatch = Omit<TrainBatch, 'ids' | 'positions' | 'bounds' | 'hidden' | 'targets' | 'exclusion'>

export type Call =
  | Setup
  /** Bytes of a file of a place, from `offset` on. */
  | { op: 'file'; place: string; name: string; offset: number }
  /** Payload: a part (engine/parts.ts) of all weights, float32. They count when every part is there, in whatever order they came. */
  | { op: 'weights'; weights: string; part: number }
  | { op: 'think'; weights: string; call: string; requests: WireRequest[] }
  | { op: 'cancel'; call: string }
  /** The first of a shard's forwards has `step` 0 and clears what another left. */
  | { op: 'forward'; weights: string; task: string; step: number; batch: WireBatch; options: ForwardOptions; arrays: ArrayNote[] }
  /** The `last` one of a task ends it. */
  | { op: 'backward'; task: string; step: number; last?: true; arrays: ArrayNote[] }
  /** Ends a shard that is not the last of its task: its gradient joins the sum. */
  | { op: 'shard'; task: string; step: number }
  /** The answer's payload is a part of the sum, and comes when it is final: during the last backward. It may be asked for before that begins. */
  | { op: 'gradient'; task: string; part: number }

/** What a thought came to, in the order of the requests. */
export type Outcome = { thought: WireThought } | { error: WireError }

/** Errors cross processes by name and message. */
export interface WireError {
  name: string
  message: string
}

/** The worker has not the files of a place, which is the message. */
export const ABSENT_ERROR = 'AbsentError'

/** The worker was started anew, or was given something else since. */
export const STATE_ERROR = 'StateError'
