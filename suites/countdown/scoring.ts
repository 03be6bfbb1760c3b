/** Scores of this suite's evals that are not assertions of the package. */

interface Grade {
  pass: boolean
  score: number
  reason: string
}

/** promptfoo's assertScoringFunction: a response passes when its answer is right, whatever its other metrics. */
export function byAnswer(namedScores: Record<string, number>): Grade {
  const right = namedScores.answer === 1
  return { pass: right, score: right ? 1 : 0, reason: right ? 'The answer is right.' : 'The answer is not right.' }
}

interface Context {
  metadata?: Record<string, unknown>
  providerResponse?: { metadata?: Record<string, unknown> }
}

/** A number the provider measured, as a metric that promptfoo averages. */
function measured(context: Context, name: string, what: string): Grade {
  const value = (context.providerResponse?.metadata ?? context.metadata)?.[name]
  if (typeof value !== 'number') return { pass: false, score: 0, reason: `The provider reported no ${what}.` }
  return { pass: true, score: value, reason: `${value} ${what}` }
}

/** Tokens of the response, all paths and tags counted. */
export function totalTokens(_output: string, context: Context): Grade {
  return measured(context, 'totalTokens', 'tokens')
}

/** Tokens along the longest chain: of a block its longest path. */
export function criticalPathTokens(_output: string, context: Context): Grade {
  return measured(context, 'criticalPathTokens', 'tokens on the critical path')
}
