/** Lists of tokens: brackets, splitting, spelling. */

import type { Answer } from '../node.ts'
import type { Token } from './tokens.ts'

const OPENING = new Set(['(', '[', '{', '\\{', '\\lfloor', '\\lceil'])
const CLOSING = new Set([')', ']', '}', '\\}', '\\rfloor', '\\rceil'])

/** Words of text answers, for comparison without case and spaces. */
export function words(tokens: readonly Token[]): string {
  return tokens.map(({ text, space }) => (space ? ` ${text}` : text)).join('')
}

export function trim(tokens: readonly Token[]): readonly Token[] {
  let start = 0
  let end = tokens.length
  const idle = (token: Token): boolean => token.kind === 'sign' && /^[,;.:]$/.test(token.text)
  while (start < end && idle(tokens[start])) start++
  while (end > start && idle(tokens[end - 1])) end--
  return tokens.slice(start, end)
}

export const isSign = (token: Token | undefined, text: string): boolean => token?.kind === 'sign' && token.text === text
export const opens = (token: Token): boolean => token.kind === 'sign' && (OPENING.has(token.text) || token.text.startsWith('\\begin{'))
export const closes = (token: Token): boolean => token.kind === 'sign' && (CLOSING.has(token.text) || token.text.startsWith('\\end{'))

export function balanced(tokens: readonly Token[]): boolean {
  let depth = 0
  for (const token of tokens) {
    if (opens(token)) depth++
    else if (closes(token) && --depth < 0) return false
  }
  return depth === 0
}

/** Splits at signs outside all brackets. Undefined: there are none. */
export function split(tokens: readonly Token[], at: (token: Token) => boolean): { parts: Token[][]; signs: string[] } | undefined {
  if (!tokens.some((token) => token.kind === 'sign' && at(token))) return undefined
  const parts: Token[][] = [[]]
  const signs: string[] = []
  let depth = 0
  for (const token of tokens) {
    if (opens(token)) depth++
    else if (closes(token)) depth--
    if (depth === 0 && token.kind === 'sign' && at(token)) {
      signs.push(token.text)
      parts.push([])
    } else parts.at(-1)!.push(token)
  }
  return signs.length > 0 ? { parts, signs } : undefined
}

/** Index of the bracket that closes the first one, whatever its kind: [1, 2) is an interval. */
export function matching(tokens: readonly Token[]): number {
  let depth = 0
  for (let i = 0; i < tokens.length; i++) {
    if (opens(tokens[i])) depth++
    else if (closes(tokens[i]) && --depth === 0) return i
  }
  return -1
}

/** Reads the tokens of a part of an answer. */
export type Read = (tokens: readonly Token[]) => Answer
