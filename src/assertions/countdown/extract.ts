/** Where a response states its countdown answer. */

import { lastBoxed } from '../answer/claims/boxed.ts'
import { isArithmetic, LIMITS } from './expression.ts'

export interface Candidate {
  text: string
  /** Where it was found, for the reason. */
  source: 'answer line' | 'box' | 'last expression'
}

/** Only the end of a long output is read. */
const TAIL = 30_000

/** The stated answer: the last `Answer:` line, else the last `\boxed{}`, else the last line that is arithmetic. */
export function extractCandidate(output: string): Candidate | undefined {
  // Thinking is no answer; where it is not closed, what stands before it may be one.
  const thought = output.lastIndexOf('</think>')
  const open = output.lastIndexOf('<think>')
  const text = (open > thought ? output.slice(0, open) : thought < 0 ? output : output.slice(thought + '</think>'.length)).slice(-TAIL)
  const line = answerLine(text)
  if (line !== undefined) return { text: bounded(unwrapBox(line)), source: 'answer line' }
  const boxed = lastBoxed(text)
  if (boxed) return { text: boxed.kind === 'box' ? bounded(boxed.content) : '', source: 'box' }
  const lines = text.split('\n')
  for (let i = lines.length - 1; i >= 0; i--) {
    const candidate = plainLine(lines[i])
    if (isArithmetic(candidate)) return { text: candidate, source: 'last expression' }
  }
  return undefined
}

/** What follows the last `Answer:`; where that line ends at once, the arithmetic lines below it (or the first line). */
function answerLine(text: string): string | undefined {
  const lower = text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
  for (let at = lower.lastIndexOf('answer'); at >= 0; at = at === 0 ? -1 : lower.lastIndexOf('answer', at - 1)) {
    const marker = /^[\s*_]{0,8}[:：][*_ \t]{0,8}/.exec(text.slice(at + 6, at + 24))
    if (!marker) continue
    const rest = text.slice(at + 6 + marker[0].length)
    const [first = '', ...below] = rest.split('\n', 200)
    if (plainText(first) !== '') return plainText(first)
    const lines = below.map(plainLine)
    const start = lines.findIndex((line) => line !== '')
    if (start < 0) return ''
    let end = start
    while (end < lines.length && isArithmetic(lines[end])) end++
    return end > start ? lines.slice(start, end).join('\n') : lines[start]
  }
  return undefined
}

function unwrapBox(line: string): string {
  const boxed = lastBoxed(line)
  return boxed?.kind === 'box' ? boxed.content : line
}

/** A line without list marker, markdown and end mark. */
function plainLine(line: string): string {
  return plainText(line.slice(0, LIMITS.characters + 64).replace(/^\s{0,40}(?:[-*•>#]{1,3}|\d{1,2}[.)])[ \t]+(?=\S)/, ''))
}

/** Text without the markdown, dollar signs and end mark around it. */
function plainText(text: string): string {
  return text
    .slice(0, LIMITS.characters + 64)
    .trim()
    .replace(/^(?:[*_`$]{1,3}|\\[([])/, '')
    .replace(/(?:[*_`$.]{1,4}|\\[)\]])$/, '')
    .trim()
}

function bounded(text: string): string {
  return text.length > LIMITS.characters ? text.slice(-LIMITS.characters) : text
}
