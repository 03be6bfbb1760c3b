/** Which problems of a set are taken: by level, by subject, and a number of them by seed. */

import { createHash } from 'node:crypto'
import { nearestName } from '../nearest-name.ts'
import { DataError, type Problem } from './problem.ts'

export interface Selection {
  levels?: readonly number[]
  subjects?: readonly string[]
  /** At most so many, drawn by `seed`; absent: all. */
  count?: number
  seed: number
}

/**
 * The selected problems in the order of the set. A draw is a function of seed and id alone: the problems of a smaller
 * `count` are among those of a larger one, and what else a set holds does not matter.
 */
export function select(problems: readonly Problem[], { levels, subjects, count, seed }: Selection, where: string): Problem[] {
  let chosen = [...problems]
  if (levels) {
    const known = new Set(problems.map(({ level }) => level))
    for (const level of levels) {
      if (!known.has(level)) {
        const all = [...known].filter((one) => one !== undefined).sort()
        throw new DataError(
          `No problem in ${where} has level ${level}. ${all.length > 0 ? `There are: ${all.join(', ')}.` : 'This set has no levels: leave "level" out.'}`,
        )
      }
    }
    chosen = chosen.filter(({ level }) => level !== undefined && levels.includes(level))
  }
  if (subjects) {
    const known = [...new Set(problems.flatMap(({ subject }) => subject ?? []))].sort()
    for (const subject of subjects) {
      if (known.includes(subject)) continue
      const nearest = nearestName(subject, known)
      const next = known.length === 0 ? 'This set has no subjects: leave "subject" out.' : `There are: ${known.join(', ')}.`
      throw new DataError(`No problem in ${where} has the subject "${subject}". ${nearest ? `Did you mean "${nearest}"?` : next}`)
    }
    chosen = chosen.filter(({ subject }) => subject !== undefined && subjects.includes(subject))
  }
  if (count === undefined || count >= chosen.length) return chosen
  const drawn = chosen
    .map((problem, index) => ({ index, rank: createHash('sha256').update(`${seed}\n${problem.id}`).digest('hex') }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .slice(0, count)
  return drawn.sort((a, b) => a.index - b.index).map(({ index }) => chosen[index])
}
