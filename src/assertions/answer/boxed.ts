/** `\boxed{…}` and `\fbox{…}` in model text. */

/** `empty` and `unterminated` are failures of the last box: an earlier box is never used in its place. */
export type Boxed = Box | { kind: 'empty' | 'unterminated'; start: number }

export interface Box {
  kind: 'box'
  content: string
  start: number
  end: number
}

/** The last box before `before`, found in time linear in the distance. Undefined: there is none. */
export function lastBoxed(text: string, before = text.length): Boxed | undefined {
  if (before <= 0) return undefined
  // "boxed{5}" has lost its backslash.
  const name = text.lastIndexOf('boxed{', before - 1)
  const bare = name > 0 && text[name - 1] === '\\' ? -1 : name
  const start = Math.max(
    text.lastIndexOf('\\boxed', before - 1),
    text.lastIndexOf('\\fbox', before - 1),
    text.lastIndexOf('\\framebox{', before - 1),
    bare,
  )
  if (start < 0) return undefined
  let at = start + /^\\?(?:boxed|fbox|framebox)/.exec(text.slice(start, start + 10))![0].length
  while (text[at] === ' ' || text[at] === '\n') at++
  if (text[at] !== '{') {
    // `\boxed 5` puts one sign in the box.
    const word = /^[^\s\\{}$]+/.exec(text.slice(at, at + 200))
    return word ? { kind: 'box', content: word[0], start, end: at + word[0].length } : { kind: 'unterminated', start }
  }
  const end = closingBrace(text, at)
  if (end < 0) return { kind: 'unterminated', start }
  const content = text.slice(at + 1, end)
  return content.trim() === '' ? { kind: 'empty', start } : { kind: 'box', content, start, end: end + 1 }
}

/** Index of the brace that closes the one at `open`, escaped braces skipped; −1 where there is none. */
export function closingBrace(text: string, open: number): number {
  let depth = 0
  for (let i = open; i < text.length; i++) {
    const c = text[i]
    if (c === '\\') i++
    else if (c === '{') depth++
    else if (c === '}' && --depth === 0) return i
  }
  return -1
}
