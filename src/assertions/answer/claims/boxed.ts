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
  const name = before > 0 ? lastName(text, before) : undefined
  if (!name) return undefined
  const { start } = name
  let at = name.end
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

/** The last name of a box that begins before `before`. All of them end in "box" or "boxed", so one search finds them. */
function lastName(text: string, before: number): { start: number; end: number } | undefined {
  const from = before - 1 + '\\frame'.length
  for (let box = text.lastIndexOf('box', from); box >= 0; box = box > 0 ? text.lastIndexOf('box', box - 1) : -1) {
    const start = startOfName(text, box, before)
    if (start >= 0 && start < before) return { start, end: box + (text.startsWith('ed', box + 3) && start >= box - 1 ? 5 : 3) }
  }
  return undefined
}

/** Where the name begins that ends in the "box" or "boxed" at `box`; −1 where that is none. */
function startOfName(text: string, box: number, before: number): number {
  if (text.startsWith('ed', box + 3)) {
    if (text[box - 1] === '\\') return box - 1
    // "boxed{5}" has lost its backslash; of "\\fboxed{5}" both names may begin before the place.
    if (text[box + 5] === '{' && box < before) return box
  }
  if (box >= 2 && text.startsWith('\\f', box - 2)) return box - 2
  return box >= 6 && text.startsWith('\\frame', box - 6) && text[box + 3] === '{' ? box - 6 : -1
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
