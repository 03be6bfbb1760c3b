/** Data that the grammar, the layout, the decoder and the trainer share. See docs/walkthrough.md. */

import type { ParallelInfo } from '../engine/checkpoint/parallel-info.ts'
import type { DraftCounts } from './drafter.ts'

/** How a checkpoint attends inside a block; it belongs to the checkpoint. */
export type AttentionMode = ParallelInfo['attention']

export type TagIds = ParallelInfo['tags']

/** Tokens that a response and its parts may take (budget.ts). */
export type Budgets = NonNullable<ParallelInfo['budgets']>

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
      /** Each `<Outline>` … `</Outline>`, one for each path; absent where paths have none. */
      outlines?: TokenRun[]
      /** Each `<Path>` … `</Path>`. */
      paths: TokenRun[]
      /** `</Parallel>` `\n` `<Summary>` … `</Summary>`. */
      close: TokenRun
    }

export type Block = Extract<Segment, { kind: 'block' }>

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

/** Ids that the decoder writes by itself. */
export interface WrittenTags {
  parallel: readonly number[]
  path: readonly number[]
  pathEnd: readonly number[]
  /** `</Parallel>` and the line break. */
  beforeSummary: readonly number[]
  summary: readonly number[]
  summaryEnd: readonly number[]
}

/** Tags as ordinary text in the tokens of a model that has none for them (text-tags.ts). */
export interface TagText {
  written: WrittenTags
  /** What a token says in the middle of a text. */
  piece(id: number): string
  /** Ids that say exactly this, undefined where there are none. */
  write(text: string): number[] | undefined
  /** For every number of characters of `<Parallel>` that were said: the ids that complete it. */
  completing: readonly (readonly number[])[]
}

/** When and how the thinking of a response is ended (think.ts). */
export interface ThinkBudget {
  /** Tokens of the response, all paths counted, after which it ends. */
  tokens: number
  /** Whether the prompt leaves `<think>` open. */
  open: boolean
  /** Ids that end it. */
  exit: readonly number[]
  /** What a token says in the middle of a text. */
  piece(id: number): string
}

/** What settles a block (settle.ts). */
export interface Settling {
  /** A path whose text ends with this settles its block. White space at its end counts for nothing. */
  text: string
  /** Ids of a path as text, with its tags. */
  read(ids: readonly number[]): string
}

/** What the decoder writes at the beginning of a path, behind its tag. */
export interface PathStart {
  text: string
  ids: readonly number[]
}

/** Paths of a block that were ended because a sibling had settled it. */
export interface StoppedPaths {
  /** Their indices. */
  paths: number[]
  /** Tokens that their budgets would still have let them take. How many they would have taken nobody knows. */
  savedAtMost: number
}

export interface ThinkRequest {
  promptIds: readonly number[]
  /** `parallel` forks at `<Parallel>`; `sequential` decodes the same checkpoint token by token. */
  mode: 'parallel' | 'sequential'
  attention: AttentionMode
  tags: TagIds
  /** Where tags are ordinary text. Of `tags` only `eos` counts then. */
  tagText?: TagText
  /** Absent: a response thinks as long as it likes. */
  thinking?: ThinkBudget
  /** Absent: every path ends by itself or by a budget. */
  settledBy?: Settling
  /** Of each block, 1 … 16; with outlines at most so many. */
  paths: number
  /** The model names a block's paths before they are forked (outlines.ts). Absent: it does not. */
  outlines?: true
  /** One for each path, so that paths begin apart. Absent: all begin with their tag alone. */
  pathStarts?: readonly PathStart[]
  maxBlocks: number
  budgets: Budgets
  temperature: number
  topK?: number
  topP?: number
  seed: number
  /** Guesses ahead (drafter.ts): `auto` where they pay, or up to so many tokens wherever something matches. They change no token and no log-probability. Absent: none. */
  speculate?: 'auto' | number
}

/** Tokens of a block's parts, tags counted. */
export interface BlockCounts {
  /** Absent where paths have none. */
  outlines?: number[]
  paths: number[]
  summary: number
  /** Absent where no sibling ended a path. */
  stopped?: StoppedPaths
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
  blocks: BlockCounts[]
  /** Where guesses were allowed: tokens that were fed as guesses, and how many of them were drawn. They depend on what else ran. */
  drafts?: DraftCounts
  /** Where a server decoded it (remote/). */
  server?: ServerRun
}

/** How a server was spoken to, and what is not known of it. */
export interface ServerRun {
  url: string
  /** Its name there. */
  model: string
  /** What it was given as a prompt. */
  prompts: 'ids' | 'text'
  /** How ids of what it wrote are known: it says all of them (`ids`), those with a log-probability (`entries`), each token's text (`strings`), or text only. */
  tokens: 'ids' | 'entries' | 'strings' | 'text'
  /** Who ended a completion at a tag. */
  stops: 'server' | 'ours'
  /** How its tokenizer was compared with ours: ids with ids, their number, or not at all. */
  tokenizer: 'compared' | 'counted' | 'unchecked'
  /** Its log-probabilities: before temperature and as if nothing were ruled out (`raw`), after both (`processed`), or it says none. */
  logprobs: 'raw' | 'processed' | 'none'
  /** Completions that were asked for, and how many of them again. */
  requests: number
  retries: number
  /** Tokens whose ids our tokenizer gave, because the server said only their text. */
  respelled: number
  /** What nobody knows: on what and how exactly it computes, and whether it would say the same again. */
  unknown: ('device' | 'precision' | 'repeatable')[]
}
