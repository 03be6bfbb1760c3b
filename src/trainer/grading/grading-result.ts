/** The verdict on a response in promptfoo's own form, as data: what reports, pages and `pr1-report` read. */

import { allAssertions } from '../../grading/references.ts'
import type { SuiteRow } from '../suite/suite.ts'
import type { Scores } from './function-assertions.ts'

/** One assertion's verdict. */
interface GradedAssertion {
  pass: boolean
  score: number
  reason: string
  /** Of the suite; `value` where it is text. */
  assertion: { type?: string; metric?: string; value?: string }
  metadata?: Record<string, unknown>
}

export interface Grading {
  namedScores: Record<string, number>
  componentResults: GradedAssertion[]
}

/** JSON-safe. The functions that the assertions of `row` were loaded as are named as the suite names them. */
export function gradingOf({ namedScores = {}, componentResults = [] }: Scores, row: SuiteRow): Grading {
  const written = allAssertions(row.test.assert ?? [])
  return {
    namedScores,
    componentResults: componentResults.map(({ score, reason = '', assertion, metadata, ...rest }) => {
      const { metric, type } = assertion ?? {}
      const same = written.filter((one) => (metric === undefined ? one.type === type : one.metric === metric))
      const [{ type: writtenType = type, value }] = same.length === 1 ? same : [{}]
      const { pass } = rest as { pass?: boolean }
      return {
        pass: pass ?? score > 0,
        score,
        reason,
        assertion: {
          ...(writtenType !== undefined && { type: writtenType }),
          ...(metric !== undefined && { metric }),
          ...(typeof value === 'string' && { value }),
        },
        ...(metadata && dataOf(metadata)),
      }
    }),
  }
}

/** A grader may put anything there. */
function dataOf(metadata: object): Pick<GradedAssertion, 'metadata'> {
  try {
    return { metadata: JSON.parse(JSON.stringify(metadata)) }
  } catch {
    return {}
  }
}
