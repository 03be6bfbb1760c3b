/**
 * What a set should hold: one fingerprint a problem, in order. Sources change without notice; with the manifest a
 * change is reported, ids and order are the same wherever a set comes from, and a selection needs no copy of the texts.
 *
 * A manifest is a text file with one fingerprint a line; `-` is a number that no problem has; `#` begins a comment.
 * Of a part of another set a line has the id behind the fingerprint.
 */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { DataError, fingerprint, type Problem, type SourceProblem } from './problem.ts'
import type { ProblemSet } from './sets.ts'

const NO_PROBLEM = '-'

/** How a source differs from the manifest. */
export interface Difference {
  expected: number
  /** Expected problems that are absent or altered: ids, or numbers where the source has ids of its own. */
  missing: string[]
  /** Problems that were not expected, the altered ones among them. */
  unexpected: number
}

/** Lines of the manifest of a set, in order; undefined where it has no manifest. Works from src/ and from dist/. */
export function readManifest(set: ProblemSet): string[] | undefined {
  if (!set.manifest) return undefined
  const file = fileURLToPath(new URL(`../../suites/${set.manifest}`, import.meta.url))
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new DataError(
      `The fingerprints of ${set.name} cannot be read from ${file}: ${(error as Error).message}. Install the package again.`,
    )
  }
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

/** The manifest of problems with ids `prefix-number`; ids of another form are numbered as they come. */
export function writeManifest(set: ProblemSet, problems: readonly Problem[]): string {
  const lines: string[] = []
  const numbered = new RegExp(`^${set.prefix}-(\\d+)$`)
  for (const problem of problems) {
    const number = numbered.exec(problem.id)?.[1]
    while (number !== undefined && lines.length < Number(number)) lines.push(NO_PROBLEM)
    lines.push(set.partOf ? `${fingerprint(problem)} ${problem.id}` : fingerprint(problem))
  }
  return `# ${set.title}: what it should hold, a fingerprint a problem. Made by: npx pr1-data fingerprints ${set.name}\n${lines.join('\n')}\n`
}

/**
 * Brings the rows of a source into the order of the manifest and gives them their ids. Rows that the manifest does not
 * know come last (`prefix-x-fingerprint`), or are left out where the set is a selection.
 */
export function align(rows: readonly SourceProblem[], manifest: readonly string[], set: ProblemSet): [Problem[], Difference] {
  // A few problems differ in white space alone: they are told apart by their order.
  const byPrint = new Map<string, SourceProblem[]>()
  for (const row of rows) {
    const print = fingerprint(row)
    const same = byPrint.get(print)
    if (same) same.push(row)
    else byPrint.set(print, [row])
  }
  const problems: Problem[] = []
  const missing: string[] = []
  let expected = 0
  for (const [index, line] of manifest.entries()) {
    const [print, known] = line.split(' ')
    if (print === NO_PROBLEM) continue
    expected++
    const row = byPrint.get(print)?.shift()
    const id = row?.id ?? known ?? `${set.prefix}-${index}`
    if (row) problems.push({ ...row, id })
    else missing.push(id)
  }
  const rest = [...byPrint].flatMap(([print, same]) =>
    same.map((row, i) => ({ row, id: `${set.prefix}-x-${print}${i > 0 ? `-${i}` : ''}` })),
  )
  if (!set.selection) for (const { row, id } of rest) problems.push({ ...row, id: row.id ?? id })
  return [problems, { expected, missing, unexpected: rest.length }]
}

/** The same for a set without a manifest: the order of the source counts, and only the number of problems can be compared. */
export function number(rows: readonly SourceProblem[], set: ProblemSet): [Problem[], Difference] {
  const problems = rows.map((row, index) => ({ ...row, id: row.id ?? `${set.prefix}-${index}` }))
  const lost = Math.max(0, set.problems - problems.length)
  const missing = Array.from({ length: lost }, (_, i) => `${set.prefix}-${problems.length + i}`)
  return [problems, { expected: set.problems, missing, unexpected: Math.max(0, problems.length - set.problems) }]
}
