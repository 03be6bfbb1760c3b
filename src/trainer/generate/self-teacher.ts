/** The model in training as its own teacher: rejection sampling. It answers through the decoder that rollouts and evaluations use. */

import { ConfigError } from '../../engine/errors.ts'
import { applyTestOptions, parseThinkingConfig, type ThinkingConfig } from '../../providers/config.ts'
import { isGreedy } from '../../providers/greedy-paths.ts'
import { type ReadPrompt, readPrompt } from '../../providers/prompt.ts'
import { toRequest } from '../../providers/request.ts'
import { toProviderResponse } from '../../providers/response.ts'
import type { Thinker } from '../../thinking/thinker.ts'
import type { GenerateStage } from '../config/config.ts'
import type { Session } from '../model/session.ts'
import type { Suite, SuiteRow } from '../suite/suite.ts'
import type { Answer } from './journal.ts'
import type { Question, Teacher } from './teacher.ts'

interface Asked extends ReadPrompt {
  config: ThinkingConfig
}

export class SelfTeacher implements Teacher {
  readonly #session: Session
  readonly #asked: ReadonlyMap<SuiteRow, Asked>
  #thinker: Promise<Thinker> | undefined

  /** Throws ConfigError where it cannot be asked so. */
  static open(session: Session, stage: GenerateStage, suite: Suite): SelfTeacher {
    const { provider, file } = suite
    const where = `provider "${provider.label}" of ${file}`
    if (!provider.ours) {
      throw new ConfigError(
        `"teacher: self" of stage "${stage.name}" decodes with the settings of a ParallelThinkingProvider. Got "${provider.label}" of ${file}. Name another entry as "provider".`,
      )
    }
    const asked = new Map<SuiteRow, Asked>()
    for (const row of suite.rows) {
      const config = parseThinkingConfig(applyTestOptions(provider.config, row.promptConfig), where)
      const read = { config, ...readPrompt(session.checkpoint, config, row.prompt) }
      if (stage.tries > 1 && isGreedy(toRequest(config, session.checkpoint, read.ids, 0))) {
        throw new ConfigError(
          `Stage "${stage.name}" asks ${stage.tries} times, and all answers are equal where nothing is drawn. Got temperature: 0 (or topK: 1) in ${where}. Use tries: 1, or a temperature above 0.`,
        )
      }
      asked.set(row, read)
    }
    return new SelfTeacher(session, asked)
  }

  private constructor(session: Session, asked: ReadonlyMap<SuiteRow, Asked>) {
    this.#session = session
    this.#asked = asked
  }

  get prompts(): ReadPrompt[] {
    return [...this.#asked.values()]
  }

  async ask({ row, try: attempt, seed }: Question): Promise<Answer> {
    this.#thinker ??= this.#session.openThinker()
    const { checkpoint } = this.#session
    const { config, ids, told } = this.#asked.get(row)!
    const request = toRequest(config, checkpoint, ids, seed)
    const thought = await (await this.#thinker).think(request)
    const { output, tokenUsage, finishReason, metadata } = toProviderResponse(thought, {
      request,
      repeatIndex: attempt,
      showTags: true,
      told,
      decode: (part) => (part.length > 0 ? checkpoint.tokenizer.decode(part, { keepSpecial: true }) : ''),
    })
    const { prompt, completion, total } = tokenUsage!
    return { output, tokenUsage: { prompt, completion, total }, finishReason, metadata }
  }

  /** The cache goes before the weights change. */
  async close(): Promise<void> {
    const thinker = await this.#thinker
    this.#thinker = undefined
    await thinker?.close()
  }
}
