/** The one answer that a response states. */

import { LIMITS } from '../limits.ts'
import { restoreCommands } from '../reading/normalize.ts'
import { answerBehind } from './answer-line.ts'
import { type Claim, finalClaim, withQualification } from './claims.ts'
import type { Expected } from './expected.ts'
import { withDollars, withoutDollars } from './formulas.ts'
import { responseOf, withoutMarkup } from './response.ts'
import { SAID, type Status } from './status.ts'

/** How the answer is found. `whole`: the output is the answer. */
export const EXTRACTIONS = ['auto', 'boxed', 'final-answer', 'whole'] as const
/** Or behind the last occurrence of a marker of one's own. */
export type Extraction = (typeof EXTRACTIONS)[number] | { marker: string }

export interface Extracted {
  text: string
  /** Where it was found, for the reason. */
  source: string
}

/** `missing` says why there is no answer. `status` is that of the last claim, where there is one and it doesn't stand. */
export type Extract = Extracted | { missing: string; status?: Status }

/** The one candidate of an output. */
export function extractAnswer(output: string, how: Extraction, expected: Expected): Extract {
  if (output.includes('\0')) return { missing: 'the output holds a NUL character' }
  const bounded = restoreCommands(output.length > LIMITS.output ? output.slice(-LIMITS.tail) : output)
  if (how === 'whole')
    return bounded.trim() === '' ? { missing: 'the output is empty' } : { text: withoutMarkup(bounded).trim(), source: 'whole output' }
  const text = responseOf(bounded)
  if (text === undefined) return { missing: 'the thinking is not closed' }
  if (text.trim() === '') return { missing: 'the output is empty' }
  if (typeof how === 'object') return behindCustom(text, how.marker, expected)
  const claim = finalClaim(text, how, expected)
  if (claim === undefined) return { missing: NOTHING[how] }
  if (claim.missing !== undefined) return { missing: claim.missing, status: claim.status }
  return answerOf(withQualification(claim, expected))
}

const NOTHING = {
  auto: 'there is no box, no answer line, and no number or formula at the end',
  boxed: 'there is no \\boxed{}',
  'final-answer': 'there is no "final answer" line',
} as const

function answerOf({ text, where, status }: Claim): Extract {
  if (status === 'stated') return { text, source: where }
  return { missing: `the last claim, "${text.length > 60 ? `${text.slice(0, 60)}…` : text}" (${where}), is ${SAID[status]}`, status }
}

/** The rest of the line behind the last marker, or the formula there. */
function behindCustom(text: string, marker: string, expected: Expected): Extract {
  const at = text.lastIndexOf(marker)
  if (at < 0) return { missing: `there is no ${JSON.stringify(marker)}` }
  const line = answerBehind(withoutDollars(text.slice(at + marker.length, at + marker.length + LIMITS.candidate)), expected)
  if (line === undefined) return { missing: `nothing stands behind ${JSON.stringify(marker)}` }
  return { text: withDollars(line.text), source: `behind ${JSON.stringify(marker)}` }
}
