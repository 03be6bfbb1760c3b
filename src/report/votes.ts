/** Which samples of a problem gave the same answer. */

import { judgeAnswer } from '../assertions/answer/judge.ts'
import { DEFAULT_POLICY } from '../assertions/answer/limits.ts'
import type { Votes } from './estimators.ts'
import type { Sample } from './samples.ts'

interface Ballot {
  groups: Votes[]
  /** Samples without an answer. */
  abstaining: number
}

/**
 * Votes of the samples of one problem and column; undefined where a grader does not say what it read (`metadata.extracted`, and `metadata.vote`
 * where the vote is not the text). Mathematical answers are one vote where `mathAnswer` holds them equal: those it found right equal the reference, wrong ones are compared with each other.
 * Other answers are one vote where they read the same without spaces.
 */
export function countVotes(samples: readonly Sample[]): Ballot | undefined {
  const groups: (Votes & { answer: string; text: string; mathematical: boolean })[] = []
  let abstaining = 0
  for (const { answer, right, mathematical } of samples) {
    if (answer === undefined) return undefined
    if (answer === null) {
      abstaining++
      continue
    }
    const text = answer.replace(/\s+/g, '')
    const same = groups.find((group) => {
      if (group.text === text) return true
      if (!mathematical || !group.mathematical || group.right > 0 !== right) return false
      return right || equalAnswers(answer, group.answer)
    })
    if (same) {
      same.size++
      if (right) same.right++
    } else groups.push({ answer, text, mathematical, size: 1, right: right ? 1 : 0 })
  }
  return { groups, abstaining }
}

const INTEGER = /^-?\d{1,15}$/

/** As `mathAnswer` holds them equal; plain integers, which most answers are, without its machinery. */
export function equalAnswers(a: string, b: string): boolean {
  if (INTEGER.test(a) && INTEGER.test(b)) return Number(a) === Number(b)
  return judgeAnswer(a, [b], { extract: 'whole', policy: DEFAULT_POLICY, choices: 'auto' }).pass
}
