import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'

/** The name that a slip of the pen was meant to be: of keys, commands, problem sets, files and folders. */

/** Edit distance with insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      row[j] = Math.min(substitution, last[j] + 1, row[j - 1] + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], beforeLast[j - 2] + 1)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]
}

/** The candidate nearest to `name` when it is near enough to be a slip of the pen (case and separators do not count), else undefined. */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[-_\s]/g, '')
  const wanted = plain(name)
  let best: string | undefined
  let bestDistance = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const known = plain(candidate)
    const most = Math.max(1, Math.floor(Math.min(name.length, candidate.length) * 0.4))
    // Somebody may send a name of a megabyte.
    if (Math.abs(wanted.length - known.length) > most) continue
    const distance = editDistance(wanted, known)
    if (distance <= most && distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** What exists and is nearest to `wanted`, a path that does not exist; each part of it may be a slip. Undefined where a part has no near name. */
export function nearestPath(wanted: string): string | undefined {
  const parts = path.normalize(wanted).split(path.sep)
  let found = parts[0] === '' ? path.sep : parts[0] === '..' || parts[0] === '.' ? parts[0] : ''
  for (const part of found === '' ? parts : parts.slice(1)) {
    if (part === '') continue
    const there = existsSync(path.join(found, part)) ? part : nearestName(part, entriesOf(found || '.'))
    if (there === undefined) return undefined
    found = path.join(found, there)
  }
  return found
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
