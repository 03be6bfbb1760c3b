/** What `pr1-train doctor` prints of a stage that asks a teacher. */

import { plainLine } from '../../plain.ts'
import type { GenerateStage } from '../config/config.ts'
import { type Candidate, Kept } from './select.ts'
import { counted, meansOf, sum } from './tally.ts'

/** Answers to one problem that nothing keeps, and what the teacher said in the place of others. */
export interface ProbedProblem {
  candidates: readonly Candidate[]
  failures: readonly string[]
}

/** Reasons and errors that are shown. */
const SHOWN = 8

export function probeReport(stage: GenerateStage, problems: readonly ProbedProblem[]): string[] {
  const answers = problems.flatMap(({ candidates }) => candidates)
  const failures = problems.flatMap((one) => one.failures)
  const reasons = counted(answers.flatMap((one) => one.reasons))
  const passed = answers.filter((one) => one.reasons.length === 0)
  const kept = problems.map(({ candidates }) => {
    const some = new Kept(stage)
    return candidates.filter((one) => some.offer(one).length === 0).length
  })
  const lines = [
    `Stage "${stage.name}" (generate)`,
    `  ${problems.length} problems, ${answers.length} answers${failures.length > 0 ? `, ${failures.length} questions without one` : ''}. ${passed.length} hold all conditions, ${sum(kept)} would be kept, of ${kept.filter((count) => count > 0).length} problems`,
  ]
  if (reasons.length > 0)
    lines.push(
      '',
      '  why answers fall',
      ...reasons.slice(0, SHOWN).map(([reason, count]) => `  ${String(count).padStart(4)}  ${plainLine(reason)}`),
    )
  const metrics = meansOf(answers)
  if (metrics.length > 0)
    lines.push(
      '',
      '  metric, mean of all answers',
      ...metrics.map(([name, mean]) => `  ${Number(mean.toPrecision(3)).toString().padStart(8)}  ${plainLine(name)}`),
    )
  const [first] = passed
  if (first) lines.push('', '  The first that would be kept:', ...first.text.split('\n').map((line) => `    ${plainLine(line)}`))
  lines.push('', ...findings(answers.length, passed.length, failures).map((finding) => `  ! ${plainLine(finding)}`))
  return lines
}

function findings(answers: number, passed: number, failures: readonly string[]): string[] {
  const found: string[] = []
  for (const [error, count] of counted(failures).slice(0, SHOWN)) found.push(`${count} questions have no answer: ${error.slice(0, 300)}`)
  if (answers > 0 && passed === 0)
    found.push('No answer would be kept. Look at the reasons: the prompt, the conditions or the teacher is another than you think.')
  return found
}
