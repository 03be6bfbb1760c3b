/** Metrics of single paths: each is graded as if it were the whole response, by the assertions of its row. */

import type { ProviderResponse } from 'promptfoo'
import { withoutStart } from '../../assertions/path-starts.ts'
import type { ThinkingMetadata } from '../../providers/response.ts'
import type { GrpoStage } from '../config/config.ts'
import { type ResponseTemplate, responseTemplate } from '../suite/response-template.ts'
import type { SuiteRow } from '../suite/suite.ts'
import { compileReward, type Reward } from './rewards.ts'

export type Metrics = Record<string, number>

export interface PathCredit {
  /** What a path alone is worth. */
  reward: Reward
  /** As what response its assertions see it. */
  asResponse: ResponseTemplate
  /** What a path ends with that says that it found the answer. */
  claim?: string
}

/** Undefined where the stage credits no paths. Throws ConfigError where its expression or its template does not parse. */
export async function compileCredit({ pathCredit }: Pick<GrpoStage, 'pathCredit'>): Promise<PathCredit | undefined> {
  if (!pathCredit) return undefined
  return {
    reward: await compileReward(pathCredit.reward, 'reward of "pathCredit"'),
    asResponse: await responseTemplate(pathCredit.response, 'response of "pathCredit"'),
    claim: pathCredit.claim,
  }
}

/** Of one row: paths that say the same are graded once. */
export class PathGrader {
  private readonly row: SuiteRow
  private readonly render: ResponseTemplate
  private readonly score: (row: SuiteRow, response: ProviderResponse) => Promise<Metrics>
  private readonly known = new Map<string, Promise<Metrics>>()

  constructor(row: SuiteRow, render: ResponseTemplate, score: (row: SuiteRow, response: ProviderResponse) => Promise<Metrics>) {
    this.row = row
    this.render = render
    this.score = score
  }

  /** [block][path]; of a path that the provider began, without its beginning. */
  grade(metadata: ThinkingMetadata): Promise<Metrics[][]> {
    return Promise.all(
      metadata.tree.blocks.map(({ paths }) =>
        Promise.all(paths.map(({ text, tokens }, k) => this.one(withoutStart(text, k, metadata.pathStarts), tokens, metadata))),
      ),
    )
  }

  private one(path: string, tokens: number, whole: ThinkingMetadata): Promise<Metrics> {
    const key = `${tokens} ${path}`
    let metrics = this.known.get(key)
    if (!metrics) {
      // Nothing that tells the samples of a prompt apart: whichever is graded first, the verdict is the same.
      const { mode, attention, promptTokens: prompt } = whole
      const own = { totalTokens: tokens, criticalPathTokens: tokens, tree: { blocks: [] }, finishReason: 'stop' as const }
      metrics = this.score(this.row, {
        output: this.render({ ...this.row.vars, path }),
        tokenUsage: { prompt, completion: tokens, total: prompt + tokens, numRequests: 1 },
        finishReason: 'stop',
        metadata: { mode, attention, promptTokens: prompt, ...own },
      })
      this.known.set(key, metrics)
    }
    return metrics
  }
}
