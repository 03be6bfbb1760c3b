/** What stands in quotation marks or in a block quote is said by others. */

/** Who is quoted. */
const SPEAKER =
  /\b(?:students?|people|friend|classmate|textbook|book|solvers?|teacher|neighbou?r|colleague|many|some|others?|he|she|they|one|approach|solution|attempt|argument|reasoning|claim|says?|said|writes?|wrote|claims?|argues?|answers?|answered|thinks?|following|[A-Z][a-z]+)\b[^"“”\n]{0,80}$/

/** How much before a place is searched for the mark that opens its quotation. */
const SEARCHED = 1500

/** Whether a place lies in words that others are quoted with: in quotation marks that hold more than the answer, or in a block quote that is left again. */
export function isQuoted(text: string, at: number): boolean {
  return inMarks(text, at) || isAttributed(text, at) || inBlock(text, at)
}

/** "\"The answer is 40,\" says my friend": who is quoted stands behind. */
const ATTRIBUTED =
  /^[^"”'’]{0,120}[,.]?["”'’],?\s(?:(?:so |as )?(?:my|the|a|an|his|her|one|some|your)\s(?:\w+\s)?\w+\s|[A-Z][a-z]+\s|he\s|she\s|they\s)?(?:says?|said|claims?|claimed|tells?|told|writes?|wrote|insists?|insisted|argues?|argued|thinks?|shouts?|guesse[sd]|answer(?:s|ed))\b/

/** Whether the value at a place stands in quotation marks whose speaker is named behind them. */
export const isAttributed = (text: string, at: number): boolean =>
  /["“'‘]/.test(text.slice(Math.max(0, at - 200), at)) && ATTRIBUTED.test(text.slice(at, at + 240))

function inMarks(text: string, at: number): boolean {
  const from = Math.max(text.lastIndexOf('\n\n', at) + 1, at - SEARCHED, 0)
  const before = text.slice(from, at)
  const curly = before.lastIndexOf('“') > before.lastIndexOf('”')
  const straight = before.split('"').length % 2 === 0
  if (!curly && !straight) return false
  const open = before.lastIndexOf(curly ? '“' : '"')
  const close = text.slice(at, at + SEARCHED).search(curly ? /”/ : /"/)
  return close >= 0 && before.length - open > 12 && SPEAKER.test(before.slice(0, open))
}

function inBlock(text: string, at: number): boolean {
  const start = text.lastIndexOf('\n', at - 1) + 1
  if (!/^\s{0,3}>\s/.test(text.slice(start, start + 6))) return false
  const line = text.slice(start, at)
  const rest = text.slice(at)
  const left = rest.search(/\n(?!\s{0,3}>)\s{0,4}\S|\n\s*\n(?!\s{0,3}>)\s{0,4}\S/)
  return left >= 0 && (/["“]/.test(line) || /^\s{0,3}>\s*[*_]{0,2}[A-Z][\w ]{1,30}[*_]{0,2}:/.test(line))
}
