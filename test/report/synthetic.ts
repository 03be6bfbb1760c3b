import type { Results, Row } from '../../src/report/rows.ts'

/** Fields of a row that a test cares about; the rest is as promptfoo writes it. */
export interface Told {
  problem: number
  column?: number
  right?: boolean
  /** What the grader read; null: nothing. */
  answer?: string | null
  output?: string
  metadata?: Record<string, unknown>
  scores?: Record<string, number>
  error?: string
  extra?: Record<string, unknown>
}

let rows = 0

/** A row as `promptfoo eval -o results.json` saves it. */
export function row({ problem, column = 0, right = false, answer, output = '', metadata = {}, scores = {}, error, extra = {} }: Told): Row {
  const score = right ? 1 : 0
  const grade = {
    pass: right,
    score,
    reason: right ? 'it is right' : 'it is wrong',
    ...(answer !== undefined && { metadata: { extracted: answer } }),
    assertion: { type: 'javascript', metric: 'answer', value: 'package:parallel-r1:mathAnswer' },
  }
  return {
    id: `row-${rows}`,
    testIdx: rows++,
    promptIdx: column,
    provider: { id: `provider-${column}`, label: ['alpha', 'beta', 'gamma', 'delta', 'epsilon'][column] },
    prompt: { raw: `What is ${problem}?`, label: 'the prompt' },
    vars: { problem: `What is ${problem}?`, answer: String(problem) },
    success: right,
    score,
    failureReason: error === undefined ? (right ? 0 : 1) : 2,
    ...(error === undefined
      ? { namedScores: { answer: score, ...scores }, gradingResult: { pass: right, score, componentResults: [grade] } }
      : { error, namedScores: {} }),
    response: { output, metadata },
    latencyMs: 2000,
    ...extra,
  }
}

export const results = (list: readonly Row[], source = 'results.json'): Results => ({ source, rows: [...list], configs: new Map() })

/** Rows of the fixture's notation: one text a problem, one letter a sample. `R` is right, `-` gives no answer, others are wrong answers. */
export function rowsOfVotes(votes: readonly string[], column = 0): Row[] {
  return votes.flatMap((letters, problem) =>
    [...letters].map((letter) =>
      row({
        problem,
        column,
        right: letter === 'R',
        answer: letter === '-' ? null : letter === 'R' ? String(problem) : `\\text{${letter.repeat(3)}}`,
      }),
    ),
  )
}

/** The file that promptfoo would write. */
export const saved = (list: readonly Row[], more: Record<string, unknown> = {}): string =>
  JSON.stringify({
    evalId: 'eval-test',
    results: { version: 3, timestamp: '2026-11-23T08:00:00.000Z', prompts: [], results: list, stats: { durationMs: 14_000 } },
    config: { description: 'A test', providers: [{ id: 'x', label: 'alpha', config: { mode: 'parallel', apiKey: 'secret-key' } }] },
    metadata: { promptfooVersion: '0.121.20' },
    ...more,
  })
