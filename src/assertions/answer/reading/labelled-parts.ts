/** Answers of several parts with a name each, as "centre (3,-1), radius 2". */

const PART = /^(?:and )?(?:the )?([a-z]{4,15})\s?[:=]?\s*((?![a-z]{3,}\b).{1,200})$/i
const LONGEST = 400
const MOST = 4
const SPELLINGS: ReadonlyMap<string, string> = new Map([
  ['centre', 'center'],
  ['centres', 'center'],
])

/** One spelling of the name of a part. */
export const nameOfPart = (word: string): string => SPELLINGS.get(word.toLowerCase()) ?? word.toLowerCase()

/** The parts of a text by their names. Undefined: it has no such parts. */
export function labelledParts(text: string): ReadonlyMap<string, string> | undefined {
  if (text.length > LONGEST || !/[a-z]{4}[^,;]*[,;].*[a-z]{4}/i.test(text)) return undefined
  const plain = text.replace(/\\(?:text|mathrm|textbf|mbox)\s?\{([^{}]*)\}/g, '$1').replace(/\\[ ,;]|\\q?quad(?![a-z])|\$/g, ' ')
  const out = new Map<string, string>()
  const parts = split(plain)
  if (parts.length < 2 || parts.length > MOST) return undefined
  for (const part of parts) {
    const [, name, value] = PART.exec(part.trim()) ?? []
    if (name === undefined || out.has(nameOfPart(name))) return undefined
    out.set(nameOfPart(name), value.trim())
  }
  return out
}

/** The parts between commas and semicolons outside of brackets; "x = 3, y = -1" stays with the name before. */
function split(text: string): string[] {
  const out: string[] = []
  let depth = 0
  let start = 0
  for (let i = 0; i <= text.length; i++) {
    const c = text[i]
    if (c === '(' || c === '[' || c === '{') depth++
    else if (c === ')' || c === ']' || c === '}') depth--
    else if (i === text.length || (depth === 0 && (c === ',' || c === ';'))) {
      const part = text.slice(start, i)
      if (out.length > 0 && !/^\s*(?:and )?(?:the )?[a-z]{4}/i.test(part)) out[out.length - 1] += `,${part}`
      else out.push(part)
      start = i + 1
    }
  }
  return out
}
