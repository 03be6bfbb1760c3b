/** Whether an answer is kept: it can be learnt at all, and every condition of `accept` holds of its metrics. */

import type { ProviderResponse } from 'promptfoo'
import { outputText } from '../../assertions/output.ts'
import { ParallelR1Error } from '../../engine/errors.ts'
import { hideTags } from '../../providers/response.ts'
import { parseThinking } from '../../thinking/grammar.ts'
import { type Graders, openGraders, unlessItThrows } from '../grading/grader-host.ts'
import type { Reader } from '../model/session.ts'
import { checkMetrics, type Reward, resolveDoubts } from '../rewards/rewards.ts'
import { encodeResponse, layOutResponse, ResponseError, readRow } from '../samples/sft-rows.ts'
import type { Suite, SuiteRow } from '../suite/suite.ts'
import { compileConditions, type FIGURES } from './conditions.ts'
import type { Answer } from './journal.ts'

/** An answer with its verdict. */
export interface Judged {
  /** As it is learnt: without layout around the tags. Where it cannot be learnt, as it came. */
  text: string
  /** Of the assertions, and the figures of every answer. Empty where nothing was graded. */
  metrics: Record<string, number>
  /** Why it is not kept; empty where it may be. */
  reasons: string[]
}

interface JudgeOptions {
  accept: string[]
  graderTimeout: number
}

/** Longest answer that is looked at. */
const MOST_CHARACTERS = 1_000_000

export class Judge {
  readonly #reader: Reader
  readonly #suite: Suite
  readonly #graders: Graders
  readonly #conditions: readonly Reward[]
  readonly #prompts = new WeakMap<SuiteRow, number[]>()
  readonly warnings: readonly string[]

  /** Makes the graders ready and checks that each row has the metrics that the conditions name. Throws ConfigError, GraderError. */
  static async open(reader: Reader, suite: Suite, { accept, graderTimeout }: JudgeOptions, stage: string): Promise<Judge> {
    const compiled = await compileConditions({ accept, name: stage })
    const doubts = compiled.map(({ ofSuite }) => checkMetrics(ofSuite, suite))
    // Length can be asked without any assertion.
    const graded = compiled.some(({ ofSuite }) => ofSuite.symbols.length > 0) || suite.rows.some(({ test }) => test.assert?.length)
    const graders = graded ? await openGraders(suite, graderTimeout) : NO_GRADERS
    return unlessItThrows(graders, async () => {
      const warnings: string[] = []
      const gradeEmpty = (row: SuiteRow) => graders.score(row, { output: '', tokenUsage: {}, metadata: {} })
      for (const [i, { ofSuite }] of compiled.entries()) warnings.push(...(await resolveDoubts(ofSuite, suite, doubts[i], gradeEmpty)))
      const conditions = compiled.map(({ condition }) => condition)
      return new Judge(reader, suite, graders, conditions, warnings)
    })
  }

  private constructor(reader: Reader, suite: Suite, graders: Graders, conditions: readonly Reward[], warnings: readonly string[]) {
    this.#reader = reader
    this.#suite = suite
    this.#graders = graders
    this.#conditions = conditions
    this.warnings = warnings
  }

  /** Throws GraderError, RewardError. */
  async judge(row: SuiteRow, answer: Answer): Promise<Judged> {
    const said = outputText(answer.output)
    const wrong = (reason: string): Judged => ({ text: said.slice(0, MOST_CHARACTERS), metrics: {}, reasons: [reason] })
    if (said.trim() === '') return wrong('empty')
    if (said.length > MOST_CHARACTERS) return wrong(`longer than ${MOST_CHARACTERS} characters`)
    const learnt = this.#learnable(row, said)
    if ('reason' in learnt) return wrong(learnt.reason)
    const metrics = await this.#graders.score(row, { ...answer, output: said } as ProviderResponse)
    const figures: Record<(typeof FIGURES)[number], number> = {
      tokens: learnt.tokens,
      characters: learnt.text.length,
      finished: answer.finishReason === 'length' ? 0 : 1,
    }
    // A metric of the suite that is called so is what the suite means.
    const all = { ...figures, ...metrics }
    const reasons = this.#conditions.filter((condition) => condition.evaluate(all, 1) === 0).map(({ expression }) => expression)
    return { text: learnt.text, metrics: all, reasons }
  }

  close(): Promise<void> {
    return this.#graders.close()
  }

  /** What supervised training would make of it, or why it could make nothing. */
  #learnable(row: SuiteRow, said: string): { text: string; tokens: number } | { reason: string } {
    const { tokenizer } = this.#reader.checkpoint
    const { violations } = parseThinking(said, { minPaths: 1 })
    if (violations.length > 0) return { reason: `the form of its blocks: ${violations[0].rule}` }
    try {
      const { text, ids } = encodeResponse(this.#reader, said)
      const own = ids.slice(0, -1)
      const plain = (all: string): string => hideTags(all).replace(/\s+/g, '')
      // A response that holds an end token, or the mark of another turn, would teach to go on behind it.
      if (plain(tokenizer.decode(own)) !== plain(tokenizer.decode(own, { keepSpecial: false })))
        return { reason: 'a special token of the tokenizer' }
      layOutResponse(this.#reader, this.#promptOf(row), ids)
      return { text, tokens: own.length }
    } catch (error) {
      if (!(error instanceof ParallelR1Error)) throw error
      return { reason: error instanceof ResponseError ? error.reason : 'it cannot be laid out' }
    }
  }

  #promptOf(row: SuiteRow): number[] {
    let ids = this.#prompts.get(row)
    if (!ids) {
      ids = readRow(this.#reader, this.#suite, row, `a row of ${this.#suite.file}`).ids
      this.#prompts.set(row, ids)
    }
    return ids
  }
}

const NO_GRADERS: Graders = {
  score: async () => ({}),
  grade: async () => ({ namedScores: {}, componentResults: [] }),
  close: async () => {},
}
