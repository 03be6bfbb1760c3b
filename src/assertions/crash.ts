/** Tells a grader that failed from an answer that is wrong. promptfoo turns most of what a grader throws into a score of 0. */

/** Reasons by which promptfoo says that grading itself failed. */
const CRASH =
  /^(internal error|configuration error|custom function threw error|python code execution failed|ruby code execution failed|error running (python|ruby) script|webhook error|python 3 not found)/i

/** One assertion's result, as promptfoo keeps it in `componentResults`. */
export interface GradedPart {
  reason?: unknown
  metadata?: unknown
}

/**
 * What went wrong where a result says that its grader failed; undefined for a verdict. Besides promptfoo's reasons, `graderError` (promptfoo's
 * own) and `configError` in the metadata say so.
 */
export function graderFailure({ reason, metadata }: GradedPart): string | undefined {
  const flags = (typeof metadata === 'object' && metadata !== null ? metadata : {}) as { graderError?: unknown; configError?: unknown }
  const said = typeof reason === 'string' ? reason : ''
  return flags.graderError || flags.configError || CRASH.test(said) ? said || 'the grader failed' : undefined
}
