/**
 * Budgets: who may spend how many tokens. The one place of the allocation rule.
 *
 * Two accounts run along: `total` counts every token of the response, `critical` the tokens along the longest chain
 * (outside the paths every token, in a block the longest path). `total` never passes `response`, `critical` never passes
 * `criticalPath`, whatever the model samples. F is what closing a block costs: `</Parallel>`, "\n", `<Summary>`, `</Summary>`.
 * The smallest path has P tokens, its two tags and one, and the smallest outline U, as many. Without outlines U = 0. Where a tag is a
 * token and "\n" has one id, F = 4 and P = 3, and `<Parallel>` costs O = 1. Where tags are text they cost what they are written with.
 * N is the number of paths, with outlines the most that the model may choose.
 *
 * Free text       spends from both accounts until one is empty. It may use the reserve.
 * Opening         `<Parallel>` may be sampled while blocks remain (maxBlocks) and the smallest block, one token in each
 *                 path and in the summary, fits beside the answer's reserve:
 *                   response − total − answerReserve ≥ O + (U + P)N + F + 1,  criticalPath − critical − answerReserve ≥ O + UN + P + F + 1.
 *                 Otherwise it is excluded.
 * Outlines        Before the first one, with t and c below: each gets U and an N-th of half of what the smallest block of N paths leaves over,
 *                   min(64, U + min(t − (U + P)N − 1, c − UN − P − 1) / 2N),
 *                 whatever the others take. So the model can always choose any number of paths up to N. One whose share is used up but
 *                 for its `</Outline>` is closed by the decoder. Outlines spend from both accounts.
 * At the fork     t = min(response − total − answerReserve, block − O) − F and c = criticalPath − critical − answerReserve − F
 *                 are what the paths and the summary may take (`<Parallel>` and outlines already counted). N is now the number of outlines.
 *                   The summary keeps back  s = min(t / (N + 1), c / 4, 64), at least 1, never so much that a path gets less than P.
 *                   Each path gets          min(path, (t − s) / N, c − s), its two tags counted: equal shares, whatever the siblings do.
 *                 A path whose share is used up but for its `</Path>` is closed by the decoder.
 * The summary     may take what is then left of the block beside the reserve: s at least, more where paths ended early.
 *                 With no more than `</Summary>` left it is closed by the decoder.
 * After a block   at least answerReserve tokens are left in both accounts.
 * Thinking        ends after `tokens` of the response, or earlier where what ends it and answerReserve, at least one token, would not fit
 *                 any more in an account. Until then all else is kept back from blocks, so that none outlasts it.
 */

import { ConfigError } from '../engine/errors.ts'
import type { ModelConfig } from '../engine/model-config.ts'
import { writtenTags } from './recogniser.ts'
import { allTagIds, checkTagIds } from './tags.ts'
import type { ThinkRequest, WrittenTags } from './types.ts'

const MAX_RESERVE = 64
const MAX_OUTLINE = 64

/** Budgets with every default filled in and the sizes that follow. */
export interface Limits {
  response: number
  path: number
  block: number
  criticalPath: number
  answerReserve: number
  paths: number
  maxBlocks: number
  /** Tokens that close a block: F above. */
  closing: number
  /** What the accounts may show before the thinking is ended. */
  thinking: { total: number; critical: number }
  /** The smallest path and outline: P and U above. */
  minPath: number
  minOutline: number
  /** The smallest block in tokens, and along the longest chain. */
  minBlock: number
  minBlockCritical: number
  /** What a block takes at least once it is open: the model may leave everything empty and end its tags in one token. */
  shortestBlock: number
  shortestBlockCritical: number
}

/**
 * Checks a request against a model and fills in the budgets. Throws ConfigError with the value got and the smallest
 * that would do. Defaults: path, block and criticalPath = response; answerReserve = a quarter of the smaller of response
 * and criticalPath, 64 at most.
 */
export function resolveLimits(request: ThinkRequest, model: ModelConfig): Limits {
  const { budgets, paths, maxBlocks, tags, promptIds } = request
  whole('paths', paths, 1, 16)
  whole('maxBlocks', maxBlocks, 0)
  whole('budgets.response', budgets.response, 1)
  const response = budgets.response
  const criticalPath = whole('budgets.criticalPath', budgets.criticalPath ?? response, 1)
  const written = writtenTags(request)
  const closing = written.beforeSummary.length + written.summary.length + written.summaryEnd.length
  const longestStart = (request.pathStarts ?? []).reduce((most, { ids }) => Math.max(most, ids.length), 0)
  const minPath = written.path.length + longestStart + 1 + written.pathEnd.length
  const minOutline = request.outlines ? 3 : 0
  const minBlock = written.parallel.length + (minOutline + minPath) * paths + closing + 1
  const minBlockCritical = written.parallel.length + minOutline * paths + minPath + closing + 1
  const path = whole('budgets.path', budgets.path ?? Math.max(response, minPath), minPath)
  const block = whole('budgets.block', budgets.block ?? Math.max(response, minBlock), minBlock)
  const shorter = Math.min(response, criticalPath)
  const answerReserve = whole('budgets.answerReserve', budgets.answerReserve ?? Math.min(MAX_RESERVE, Math.floor(shorter / 4)), 0)
  if (request.mode === 'parallel' && maxBlocks > 0) {
    const blockOf = `one block of ${paths} paths${request.outlines ? ' with outlines' : ''} and ${answerReserve} tokens for the answer (budgets.answerReserve)`
    if (response - answerReserve < minBlock) {
      throw new ConfigError(
        `budgets.response must hold ${blockOf}: ${minBlock + answerReserve} or more. Got ${response}. Raise it or use maxBlocks: 0.`,
      )
    }
    if (criticalPath - answerReserve < minBlockCritical) {
      throw new ConfigError(
        `budgets.criticalPath must hold ${blockOf}: ${minBlockCritical + answerReserve} or more. Got ${criticalPath}. Raise it or use maxBlocks: 0.`,
      )
    }
  }
  const exit = request.thinking?.exit.length ?? 0
  const answer = Math.max(1, answerReserve)
  if (request.thinking && shorter - exit - answer < 0) {
    throw new ConfigError(
      `thinkTokens needs room for what ends the thinking and for ${answer} tokens of an answer: ${exit + answer} or more. Got a budget of ${shorter}. Raise budgets.response.`,
    )
  }
  const thinking = {
    total: Math.min(request.thinking?.tokens ?? response, response - exit - answer),
    critical: criticalPath - exit - answer,
  }
  // Plain decoding needs no tags: any checkpoint can be asked.
  if (request.mode === 'parallel') {
    if (!request.tagText) checkTagIds(tags)
    if (request.outlines && (request.tagText || tags.outline === undefined)) {
      throw new ConfigError(
        'Outlines need two tags of their own, each one token. Got none. Use a model that has them, or leave outlines out.',
      )
    }
    const ids = request.tagText ? Object.values(written).flat() : [...allTagIds(tags), ...tags.newline]
    for (const id of ids) whole('tag or line break id', id, 0, model.vocabSize - 1)
    for (const { ids } of request.pathStarts ?? []) for (const id of ids) whole('id of a path start', id, 0, model.vocabSize - 1)
  }
  for (const id of tags.eos) whole('end id', id, 0, model.vocabSize - 1)
  if (promptIds.length === 0) throw new ConfigError('A prompt needs at least one token. Got none. Give a text or a start token.')
  // Structured positions advance by the longest path only.
  const reach = request.mode === 'parallel' && request.attention === 'causal' ? response : shorter
  if (promptIds.length + reach > model.maxPositions) {
    throw new ConfigError(
      `Prompt and response must stay within the ${model.maxPositions} positions of the model. ` +
        `Got ${promptIds.length} prompt tokens and a budget of ${reach}. Shorten the prompt or lower budgets.response.`,
    )
  }
  return {
    ...{ response, path, block, criticalPath, answerReserve, paths, maxBlocks },
    thinking,
    ...{
      closing,
      minPath,
      minOutline,
      minBlock,
      minBlockCritical,
      // Of one path and an outline of its two tags.
      shortestBlock: shortest(request.outlines ? 1 : paths, written) + (request.outlines ? 2 : 0),
      shortestBlockCritical: shortest(1, written) + (request.outlines ? 2 : 0),
    },
  }
}

function shortest(paths: number, { path, beforeSummary, summary }: WrittenTags): number {
  return 1 + (path.length + 1) * paths + beforeSummary.length + summary.length + 1
}

/** Most blocks that can open under the limits. */
export function mostBlocks(limits: Limits): number {
  const byTotal = Math.floor((limits.response - limits.answerReserve - limits.minBlock) / limits.shortestBlock) + 1
  const byCritical = Math.floor((limits.criticalPath - limits.answerReserve - limits.minBlockCritical) / limits.shortestBlockCritical) + 1
  return Math.max(0, Math.min(limits.maxBlocks, byTotal, byCritical))
}

/**
 * Pages of the KV cache that a request can take at worst: every stretch between forks and joins may leave its last page
 * part-filled: N paths and one stretch of the parent a block, and the parent's first.
 */
export function worstCasePages(request: ThinkRequest, limits: Limits, pageTokens: number): number {
  const tokens = request.promptIds.length + limits.response
  if (request.mode === 'sequential') return Math.ceil(tokens / pageTokens)
  const stretches = 1 + mostBlocks(limits) * (limits.paths + 1)
  return Math.floor(tokens / pageTokens) + stretches
}

/** The two accounts of one request. */
export class Ledger {
  total = 0
  critical = 0
  blocks = 0
  /** Set while `<think>` is open and its budget counts. */
  thinking = false
  private blockUsed = 0
  private readonly limits: Limits

  constructor(limits: Limits) {
    this.limits = limits
  }

  /** Tokens that free text may still take. */
  get textLeft(): number {
    return Math.min(this.limits.response - this.total, this.limits.criticalPath - this.critical)
  }

  /** Tokens that free text may take before a budget ends it or its thinking, or no block fits any more; 1 or more where it may take one. */
  get steadyText(): number {
    const { limits, kept } = this
    let left = this.textLeft
    if (this.thinking) left = Math.min(left, limits.thinking.total - this.total, limits.thinking.critical - this.critical)
    if (this.blockFits) {
      const total = limits.response - this.total - kept.total - limits.minBlock
      const critical = limits.criticalPath - this.critical - kept.critical - limits.minBlockCritical
      left = Math.min(left, total + 1, critical + 1)
    }
    return left
  }

  /** Whether the thinking must be ended now. */
  get thoughtEnough(): boolean {
    const { thinking } = this.limits
    return this.thinking && (this.total >= thinking.total || this.critical >= thinking.critical)
  }

  /** What blocks may not take of the response, and of the longest chain. */
  private get kept(): { total: number; critical: number } {
    const { response, criticalPath, thinking, answerReserve } = this.limits
    return this.thinking
      ? { total: response - thinking.total, critical: criticalPath - thinking.critical }
      : { total: answerReserve, critical: answerReserve }
  }

  /** Whether `<Parallel>` may be sampled next. */
  get blockFits(): boolean {
    const { limits, kept } = this
    return (
      this.blocks < limits.maxBlocks &&
      limits.response - this.total - kept.total >= limits.minBlock &&
      limits.criticalPath - this.critical - kept.critical >= limits.minBlockCritical
    )
  }

  /** One token outside the paths. */
  spend(): void {
    this.total++
    this.critical++
    this.blockUsed++
  }

  /** Counts the last `tokens` of `<Parallel>`, those before it being spent. */
  open(tokens: number): void {
    this.blocks++
    this.blockUsed = 0
    for (let k = 0; k < tokens; k++) this.spend()
  }

  /** What the open block may still take beside its closing: t and c above. */
  private get blockLeft(): { t: number; c: number } {
    const { limits, kept } = this
    return {
      t: Math.min(limits.response - this.total - kept.total, limits.block - this.blockUsed) - limits.closing,
      c: limits.criticalPath - this.critical - kept.critical - limits.closing,
    }
  }

  /** Before the first outline of a block: the share of each in tokens, tags counted, U or more. */
  outlineShare(): number {
    const { paths, minOutline, minPath } = this.limits
    const { t, c } = this.blockLeft
    const spare = Math.min(t - (minOutline + minPath) * paths, c - minOutline * paths - minPath) - 1
    return Math.min(MAX_OUTLINE, minOutline + Math.floor(spare / (2 * paths)))
  }

  /** At the fork: the share of each of so many paths in tokens, tags counted, P or more. */
  pathShare(paths: number): number {
    const { limits } = this
    const { t, c } = this.blockLeft
    const wished = Math.min(Math.floor(t / (paths + 1)), Math.floor(c / 4), MAX_RESERVE)
    const summary = Math.max(1, Math.min(wished, t - limits.minPath * paths, c - limits.minPath))
    return Math.min(limits.path, Math.floor((t - summary) / paths), c - summary)
  }

  /** Counts the paths and returns what may follow up to `</Summary>`, from `</Parallel>` on. */
  join(lengths: readonly number[]): number {
    const { limits, kept } = this
    const sum = lengths.reduce((all, length) => all + length, 0)
    this.total += sum
    this.blockUsed += sum
    this.critical += Math.max(...lengths)
    return Math.min(
      limits.response - this.total - kept.total,
      limits.block - this.blockUsed,
      limits.criticalPath - this.critical - kept.critical,
    )
  }
}

function whole(name: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`
  throw new ConfigError(`${name} must be a whole number, ${range}. Got ${value}. Change it.`)
}
