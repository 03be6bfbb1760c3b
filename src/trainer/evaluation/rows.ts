/** Samples of an evaluation as rows of promptfoo: what `promptfoo eval -o` writes, so `pr1-report` and promptfoo's readers open the file. */

import type { Results, Row } from '../../report/rows.ts'
import type { EvaluationSample } from './evaluation.ts'

/** When an evaluation was. */
export interface EvaluationPlace {
  stage: string
  /** Steps done in the stage. */
  step: number
}

/** One column of one file. Nothing in it depends on the clock. */
export function resultsOf(samples: readonly EvaluationSample[], metric: string, source: string, { stage, step }: EvaluationPlace): Results {
  const label = `${stage} ${step}`
  return { source, rows: samples.map((sample) => rowOf(sample, metric, label)), configs: new Map() }
}

/** The file of {@link resultsOf}, a row a line. */
export function resultsText({ source, rows }: Results): string {
  const head = JSON.stringify({ description: `${source}: an evaluation during pr1-train` })
  return `{"config":${head},"results":{"version":3,"results":[\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]}}\n`
}

function rowOf({ row, test, response, grading }: EvaluationSample, metric: string, label: string): Row {
  const { output, tokenUsage, finishReason, metadata } = response
  const { assert, vars: _, ...rest } = row.test
  const { namedScores, componentResults } = grading
  const success = namedScores[metric] >= 1
  const reason = componentResults.find(({ assertion }) => assertion.metric === metric)?.reason ?? ''
  const score = namedScores[metric] ?? 0
  return {
    promptIdx: 0,
    testIdx: test,
    vars: row.vars,
    prompt: { raw: row.prompt, label },
    provider: { id: 'pr1-train', label },
    testCase: { ...rest, assert },
    success,
    score,
    namedScores,
    gradingResult: { pass: success, score, reason, namedScores, componentResults },
    // Without the log-probabilities of every token.
    response: { output, tokenUsage, finishReason, metadata },
    failureReason: success ? 0 : 1,
  }
}
