/**
 * Samples of a step: each prompt `group` times through the decoder that evaluation uses, graded as they finish while
 * others still decode. The seed of a sample is a hash of (run seed, stage, step, prompt, member): a resumed run draws
 * the same ones, whatever runs beside them.
 */

import { ConfigError } from '../../engine/errors.ts'
import { applyTestOptions, parseThinkingConfig, type ThinkingConfig } from '../../providers/config.ts'
import { type ReadPrompt, readPrompt } from '../../providers/prompt.ts'
import { budgetsOf, toRequest } from '../../providers/request.ts'
import { type ThinkingMetadata, toProviderResponse } from '../../providers/response.ts'
import { derivedSeed } from '../../random.ts'
import type { Thinker } from '../../thinking/thinker.ts'
import type { Budgets, ThinkRequest, Thought } from '../../thinking/types.ts'
import type { GrpoStage } from '../config/config.ts'
import type { Graders } from '../grading/grader-host.ts'
import type { GraderWatch } from '../grading/scoring.ts'
import type { Session } from '../model/session.ts'
import { type Metrics, PathGrader } from '../rewards/path-grader.ts'
import type { ResponseTemplate } from '../suite/response-template.ts'
import type { Suite, SuiteRow } from '../suite/suite.ts'

export interface Rollout {
  thought: Thought
  /** The response as the assertions saw it. */
  text: string
  metadata: ThinkingMetadata
  /** Scores by metric name. */
  metrics: Metrics
  /** Of every path alone, [block][path], where the stage credits paths. */
  paths?: Metrics[][]
}

interface Prompt extends ReadPrompt {
  config: ThinkingConfig
}

export class Rollouts {
  private readonly session: Session
  private readonly stage: GrpoStage
  private readonly suite: Suite
  private readonly graders: Graders
  private readonly pathAsResponse: ResponseTemplate | undefined
  private readonly read = new Map<SuiteRow, Prompt>()
  /** Hears of every grader, where somebody wants to. */
  watch: GraderWatch | undefined

  /** `pathAsResponse`: what a path alone is graded as, where the stage credits paths. */
  constructor(session: Session, stage: GrpoStage, suite: Suite, graders: Graders, pathAsResponse?: ResponseTemplate) {
    this.session = session
    this.stage = stage
    this.suite = suite
    this.graders = graders
    this.pathAsResponse = pathAsResponse
    if (!suite.provider.ours) {
      throw new ConfigError(
        `"provider" of stage "${stage.name}" must be an entry of ParallelThinkingProvider. Got "${suite.provider.label}" of ${suite.file}.`,
      )
    }
    for (const row of suite.rows) this.promptOf(row)
  }

  /**
   * One group of rollouts a row, in the order of `rows`, of `size` samples or as many as the stage says. `before`: groups that the step has
   * already. The first error, of decoding or grading, ends them all.
   */
  async sample(rows: readonly SuiteRow[], step: number, { size = this.stage.group, before = 0 } = {}): Promise<Rollout[][]> {
    const thinker = await this.session.openThinker()
    const stop = new AbortController()
    try {
      return await Promise.all(
        rows.map((row, prompt) => {
          const paths = this.pathGrader(row)
          const one = (member: number) => this.one(thinker, row, [step, before + prompt, member], stop.signal, paths)
          return Promise.all(Array.from({ length: size }, (_, member) => one(member)))
        }),
      )
    } finally {
      stop.abort()
      await thinker.close()
    }
  }

  /** The prompts of all rows. */
  get prompts(): ReadPrompt[] {
    return [...this.read.values()]
  }

  /** Tokens of the longest prompt. */
  get longestPrompt(): number {
    let longest = 0
    for (const { ids } of this.read.values()) longest = Math.max(longest, ids.length)
    return longest
  }

  /** The request of the suite's first row, and its budgets as they were configured: without what its own prompt leaves room for. */
  get first(): { request: ThinkRequest; budgets: Budgets } {
    const { config, ids } = this.promptOf(this.suite.rows[0])
    const { checkpoint } = this.session
    return { request: toRequest(config, checkpoint, ids, 0), budgets: budgetsOf(config, checkpoint) }
  }

  /** Metrics of a response that ended at once. */
  async gradeEmpty(row: SuiteRow): Promise<Record<string, number>> {
    const { config, ids: promptIds } = this.promptOf(row)
    const request = toRequest(config, this.session.checkpoint, promptIds, 0)
    const trajectory = { promptIds, segments: [], exclusionSets: [], temperature: request.temperature }
    const thought: Thought = { trajectory, ids: [], finishReason: 'stop', totalTokens: 0, criticalPathTokens: 0, blocks: [] }
    return (await this.grade(row, thought, request, 0)).metrics
  }

  private async one(
    thinker: Thinker,
    row: SuiteRow,
    address: [number, number, number],
    signal: AbortSignal,
    paths?: PathGrader,
  ): Promise<Rollout> {
    const { session, stage } = this
    const { config, ids } = this.promptOf(row)
    const request = toRequest(config, session.checkpoint, ids, derivedSeed(session.seed, 'rollout', stage.name, ...address))
    const thought = await thinker.think(request, signal)
    return this.grade(row, thought, request, address[2], paths)
  }

  private async grade(row: SuiteRow, thought: Thought, request: ThinkRequest, repeatIndex: number, paths?: PathGrader): Promise<Rollout> {
    const { tokenizer } = this.session.checkpoint
    const response = toProviderResponse(thought, {
      request,
      repeatIndex,
      showTags: this.promptOf(row).config.showTags,
      decode: (part) => (part.length > 0 ? tokenizer.decode(part, { keepSpecial: true }) : ''),
    })
    const metadata = response.metadata as ThinkingMetadata
    const metrics = await this.graders.score(row, response, this.watch)
    return { thought, text: response.output as string, metadata, metrics, ...(paths && { paths: await paths.grade(metadata) }) }
  }

  private pathGrader(row: SuiteRow): PathGrader | undefined {
    const { pathAsResponse } = this
    return pathAsResponse && new PathGrader(row, pathAsResponse, (row, response) => this.graders.score(row, response, this.watch))
  }

  private promptOf(row: SuiteRow): Prompt {
    let prompt = this.read.get(row)
    if (!prompt) {
      const { suite, session, stage } = this
      const where = `provider "${suite.provider.label}" of ${suite.file}`
      const config = parseThinkingConfig(applyTestOptions(suite.provider.config, row.promptConfig), where)
      checkSampling(config, `${where} (stage "${stage.name}")`)
      prompt = { config, ...readPrompt(session.checkpoint, config, row.prompt) }
      this.read.set(row, prompt)
    }
    return prompt
  }
}

/** Truncated sampling draws from another distribution than the one whose log-probability is trained, so the ratio would be biased. */
function checkSampling(config: ThinkingConfig, where: string): void {
  if (config.temperature === 0) {
    throw new ConfigError(`GRPO needs samples that differ. Got temperature: 0 in ${where}. Use 1, or another value above 0.`)
  }
  if ((config.topK ?? 0) > 0 || (config.topP ?? 1) < 1) {
    const got = (config.topK ?? 0) > 0 ? `topK: ${config.topK}` : `topP: ${config.topP}`
    throw new ConfigError(
      `GRPO samples from the whole distribution; a truncated one biases the ratio. Got ${got} in ${where}. Remove it there.`,
    )
  }
}
