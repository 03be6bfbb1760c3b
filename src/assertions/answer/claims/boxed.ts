/** `\boxed{…}` and `\fbox{…}` in model text. */

/** `empty` and `unterminated` are failures of the last box: an earlier box is never used in its place. */
export type Boxed = Box | { kind: 'empty' | 'unterminated'; start: number }

export interface Box {
  kind: 'box'
  content: string
  start: number
  end: number
}

/** How far before a box the one that holds it may begin. */
const AROUND = 4096

/** The last box before `before`, found in time linear in the distance. Of boxes in a box the outer one counts. Undefined: there is none. */
export function lastBoxed(text: string, before = text.length): Boxed | undefined {
  const last = innerBoxed(text, before)
  return last?.kind === 'box' ? (around(text, last) ?? last) : last
}

/** "\\boxed{\\boxed{3} + \\boxed{4}}" is a box with 3 + 4. */
function around(text: string, box: Box): Box | undefined {
  const before = box.start > 0 ? text.lastIndexOf('box', box.start - 1) : -1
  if (before < 0 || before < box.start - AROUND) return undefined
  let outer: Box | undefined
  let depth = 0
  for (let i = box.start - 1; i >= Math.max(0, box.start - AROUND); i--) {
    if ((text[i] !== '{' && text[i] !== '}') || text[i - 1] === '\\') continue
    depth += text[i] === '{' ? 1 : -1
    if (depth <= 0) continue
    depth = 0
    const name = /\\(?:f?boxed|fbox|framebox)\s?$/.exec(text.slice(Math.max(0, i - 12), i))
    const end = name ? closingBrace(text, i) : -1
    if (name && end >= box.end) outer = { kind: 'box', content: text.slice(i + 1, end), start: i - name[0].length, end: end + 1 }
  }
  return outer && { ...outer, content: outer.content.replace(PLAIN_BOX, ' $1').replace(/\\(?:f?boxed|fbox|framebox)\s?(?=\{)/g, '') }
}

const PLAIN_BOX = /\\(?:f?boxed|fbox|framebox)\s?\{([^{}+\-=<>,]{1,80})\}/g

function innerBoxed(text: string, before: number): Boxed | undefined {
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
