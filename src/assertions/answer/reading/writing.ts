/** An answer as it is written, made ready to be read: without a box around it, with the signs that words stand for. */

import { closingBrace } from '../claims/boxed.ts'
import { stripDelimiters } from './normalize.ts'

/** Names of Python's modules before a function: np.sqrt(2). Its log is natural. */
const MODULES = /(?<![a-zA-Z\d])(?:np|numpy|math|cmath|sympy|sp)\.([a-z]+)/g

const pythonName = (_: string, name: string): string => (name === 'log' ? 'ln' : name)

/** As programs write large numbers: 25_000. */
const UNDERSCORES = /^[-+]?\d{1,3}(?:_\d{3}){1,20}$/

/** \text{Only } n = 9 \text{ works} */
const ONLY_ONE = /^\\text\s?\{\s?only\s?\}\s?([^{}]{1,60})\\text\s?\{\s?(?:works|is (?:valid|possible|left))\.?\s?\}$/i

/** "negative 5" is −5, "the 5th" the 5th, and y^{\\prime} is y'. */
export function withSigns(text: string): string {
  const signed = text
    .replace(/^(?:negative|minus)\s{1,3}(?=[\d.\\])/i, '-')
    .replace(/^the\s{1,3}(?=\d)/i, '')
    .replace(/^\$(?=\d[\d.,]{0,12}\s?(?:[kK]|M|MM|mn|B|bn)$)/, '\\$')
    .replace(UNDERSCORES, (number) => number.replaceAll('_', ''))
    .replace(MODULES, pythonName)
    .replace(ONLY_ONE, '$1')
  return signed.includes('\\prime')
    ? signed.replace(/\^\s?\{?\s?\\prime(\s?\\prime)?\s?\}?/g, (_, second) => (second ? "''" : "'"))
    : signed
}

/** {{0}, {1}} and {∅} without any LaTeX: its braces are those of sets. `written` is the text with ∅ as it was. */
export function withBraces(text: string, written: string): string {
  if (!/^\{.*\}$/s.test(text)) return text
  const plain = written.includes('∅') ? text.replace(/\\emptyset(?![a-z])/g, '') : text
  const sets = written.includes('∅') || (text.includes(',') && text.lastIndexOf('{') > 0)
  return sets && !/[\\^_]/.test(plain) ? text.replace(/[{}]/g, '\\$&') : text
}

/** Text without delimiters and without a box around all of it. */
export function unwrap(text: string): string {
  let out = stripDelimiters(text)
  for (let round = 0; round < 4; round++) {
    const command = /^\\?(?:begin)?(?:boxed|fbox)\s{0,4}\{/.exec(out)
    if (!command || closingBrace(out, command[0].length - 1) !== out.length - 1) break
    out = stripDelimiters(out.slice(command[0].length, -1))
  }
  return out.includes('\\begin')
    ? out
    : out.replace(/\\\\(?=(?:left|right|frac|dfrac|sqrt|pi|text|cdot|times|infty|cup)(?![a-zA-Z]))/g, '\\')
}
