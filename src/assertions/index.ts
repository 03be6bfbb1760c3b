/** The assertions, by the names that promptfoo configs use. Suggested metric names: answer, structure, parallel, diversity, efficiency. */
export { countdownAnswer } from './countdown-answer.ts'
export type { AssertionContext, AssertionResult } from './grading.ts'
export { mathAnswer } from './math-answer.ts'
export { parallelEfficiency } from './parallel-efficiency.ts'
export { parallelStructure } from './parallel-structure.ts'
export { parallelUsed } from './parallel-used.ts'
export { pathDiversity } from './path-diversity.ts'
