/** Problem sets for evaluation and training: `import { loadProblems } from 'parallel-r1/data'`. */

export { plainText, verbatim } from '../gate/verbatim.ts'
export { usableTraces } from './cold-start.ts'
export { normalForm, type Overlap, overlaps } from './contamination.ts'
export { type LoadOptions, loadProblems } from './load.ts'
export { DataError, fingerprint, type Problem } from './problem.ts'
export { type Selection, select } from './selection.ts'
export { type HubSource, type ProblemSet, SETS, type SetName } from './sets.ts'
