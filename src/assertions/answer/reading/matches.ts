/** What stands before the first match of an expression; split(…)[0] would look for all of them. */
export function upTo(text: string, pattern: RegExp): string {
  const at = text.search(pattern)
  return at < 0 ? text : text.slice(0, at)
}

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
