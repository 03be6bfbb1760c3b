import { createHash } from 'node:crypto'
import { deserialize, serialize } from 'node:v8'
import type { ThinkRequest, Thought } from '../thinking/types.ts'

/**
 * What a stored sample is: a key that names everything its tokens depend on, and the thought as bytes. Tokens and
 * log-probabilities are kept, not text: what is shown and measured is made anew from them at every run.
 */

/** Part of every key. Raise it when the decoder, the sampler or the engine come to answer the same request differently, or when `Thought` changes. */
const SAMPLE_FORMAT = 1

/** What computes: engine and arithmetic, or a server with the model that it names. */
interface Computer {
  device: string
  precision: string
  isa: string
}

/** A server, which says nothing of its arithmetic: two requests are answered alike as far as it answers alike. */
export function servedBy({ url, model }: { url: string; model: string }): Computer {
  return { device: 'server', precision: model, isa: url }
}

/**
 * Key of the sample that `request` draws from a checkpoint, 43 characters. Two requests share it exactly when they would
 * be answered alike: same checkpoint (the hash of its identity), same arithmetic (device, precision and instruction set; the number of
 * threads and the rest of the batch do not matter on the CPU), same prompt ids, mode, paths, budgets, sampling and seed.
 */
export function sampleKey(checkpointHash: string, info: Computer, request: ThinkRequest): string {
  const { attention, tags, tagText, thinking, budgets } = request
  // One entry a field, so that a new field of the request cannot be forgotten here.
  const fields: { [K in keyof Required<ThinkRequest>]: unknown } = {
    promptIds: request.promptIds,
    mode: request.mode,
    attention,
    tags: [tags.parallel, tags.parallelEnd, tags.path, tags.pathEnd, tags.summary, tags.summaryEnd, tags.newline, tags.eos],
    // These are absent in the keys of all samples before them. How text is read follows from the checkpoint.
    tagText: tagText && true,
    thinking: thinking && [thinking.tokens, thinking.open, thinking.exit],
    settledBy: request.settledBy?.text,
    paths: request.paths,
    pathStarts: request.pathStarts?.map(({ ids }) => ids),
    outlines: request.outlines && [tags.outline, tags.outlineEnd],
    maxBlocks: request.maxBlocks,
    budgets: [budgets.response, budgets.path, budgets.block, budgets.criticalPath, budgets.answerReserve],
    temperature: request.temperature,
    topK: request.topK ?? 0,
    topP: request.topP ?? 1,
    seed: request.seed,
    // Changes no token and no log-probability.
    speculate: undefined,
  }
  const named = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const identity = JSON.stringify([SAMPLE_FORMAT, checkpointHash, info.device, info.precision, info.isa, named])
  return createHash('sha256').update(identity).digest('base64url')
}

/** Bytes of a thought, without the prompt: the request that finds it has that. */
export function encodeThought(thought: Thought): Uint8Array {
  return serialize({ ...thought, trajectory: { ...thought.trajectory, promptIds: [] } })
}

/** Inverse of {@link encodeThought}; undefined where another version of Node wrote what this one cannot read. */
export function decodeThought(bytes: Uint8Array, promptIds: readonly number[]): Thought | undefined {
  try {
    const thought = deserialize(bytes) as Thought
    thought.trajectory.promptIds = promptIds
    return thought
  } catch {
    return undefined
  }
}
