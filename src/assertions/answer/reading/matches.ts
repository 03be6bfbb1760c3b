/**
 * All matches of a global expression. String.matchAll makes a copy of its expression at every call, which costs more than most of the
 * searches in a sentence.
 */
export function matchesOf(text: string, pattern: RegExp): RegExpExecArray[] {
  const out: RegExpExecArray[] = []
  pattern.lastIndex = 0
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    out.push(match)
    if (match[0] === '') pattern.lastIndex++
  }
  return out
}
