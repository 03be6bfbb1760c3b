/** Data that the grammar, the layout, the decoder and the trainer share. See docs/walkthrough.md. */

/** How a checkpoint attends inside a block; it belongs to the checkpoint and is the same in SFT, sampling, RL and scoring. */
export type AttentionMode = 'structured' | 'causal'

/** Ids of the six tags (one id each) and of the two other things the decoder writes or watches for. */
export interface TagIds {
  parallel: number
  parallelEnd: number
  path: number
  pathEnd: number
  summary: number
  summaryEnd: number
  /** What stands between `</Parallel>` and `<Summary>`: the ids of "\n". */
  newline: readonly number[]
  /** Ids that end a response. */
  eos: readonly number[]
}

/** A run of tokens with one entry per token in every array. */
export interface TokenRun {
  ids: number[]
  /** False for tokens the decoder injected: they carry no loss. */
  sampled: boolean[]
  /** As the engine returned it; 0 where injected, NaN where the trajectory was not sampled by us (SFT). */
  logprobs: number[]
  /** Index into `Trajectory.exclusionSets` that applied when this token was sampled; −1: none. */
  exclusions: number[]
}

export type Segment =
  | { kind: 'text'; tokens: TokenRun }
  | {
      kind: 'block'
      /** `<Parallel>` */
      open: TokenRun
      /** Each `<Path>` … `</Path>`. */
      paths: TokenRun[]
      /** `</Parallel>` `\n` `<Summary>` … `</Summary>`. */
      close: TokenRun
    }

/** One response with the context every token was sampled in: what the decoder returns and the layout packs. */
export interface Trajectory {
  promptIds: readonly number[]
  segments: Segment[]
  exclusionSets: number[][]
  /** Temperature the logprobs refer to. */
  temperature: number
}

/** One packed trajectory; indices are relative to its own start. */
export interface Layout {
  /** Tokens of the prompt, 1 or more; they see all before them, and none but the last predicts anything that carries loss. */
  promptLength: number
  ids: Int32Array
  positions: Int32Array
  /** (T, hiddenLevels, 2) */
  hidden: Int32Array
  hiddenLevels: number
  /** 1 at i where ids[i + 1] carries loss. */
  targets: Uint8Array
  exclusion: Int32Array
  exclusionSets: number[][]
  /** For every sampled token, in the order of the trajectory (segments; in a block open, paths, close): the packed index i with logprobs[i] = its log-probability. */
  sampledIndex: Int32Array
}

export interface Budgets {
  /** Tokens of the whole response, all paths counted. */
  response: number
  /** Tokens of one path, tags counted. Default: response. */
  path?: number
  /** Tokens of one block, all paths, tags and summary counted. Default: response. */
  block?: number
  /** Tokens along the longest chain (a block counts its longest path). Default: response. */
  criticalPath?: number
  /** Tokens kept back for the text after the last block. Default: a quarter of the smaller of `response` and `criticalPath`, 64 at most. */
  answerReserve?: number
}

export interface ThinkRequest {
  promptIds: readonly number[]
  /** `parallel` forks at `<Parallel>`; `sequential` decodes the same checkpoint plainly. */
  mode: 'parallel' | 'sequential'
  attention: AttentionMode
  tags: TagIds
  /** 1 … 16. */
  paths: number
  maxBlocks: number
  budgets: Budgets
  temperature: number
  topK?: number
  topP?: number
  seed: number
}

/** What decoding one request gave. */
export interface Thought {
  trajectory: Trajectory
  /** Response ids in reading order, tags included, eos excluded. */
  ids: number[]
  /** `stop`: eos was sampled. `length`: a budget ended it. */
  finishReason: 'stop' | 'length'
  /** Response tokens, all paths and tags counted. */
  totalTokens: number
  /** Tokens along the longest chain: outside blocks all, in a block the longest path. */
  criticalPathTokens: number
  blocks: { paths: number[]; summary: number }[]
}
