/**
 * The assertions, by the names that promptfoo configs use. Suggested metric names: answer, structure, parallel, diversity,
 * agreement, efficiency, length, repetition.
 */
export { countdownAnswer } from './countdown-answer.ts'
export type { AssertionContext, AssertionResult } from './grading.ts'
export { lengthBudget } from './length-budget.ts'
export { mathAnswer } from './math-answer.ts'
export { parallelEfficiency } from './parallel-efficiency.ts'
export { parallelStructure } from './parallel-structure.ts'
export { parallelUsed } from './parallel-used.ts'
export { pathAgreement } from './path-agreement.ts'
export { pathDiversity } from './path-diversity.ts'
export { repetition } from './repetition.ts'
