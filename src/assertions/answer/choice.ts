/** Multiple choice: answers that are one letter. */

import { normalizeUnicode, stripDelimiters } from './normalize.ts'

/** `auto`: a reference that is one capital letter is a choice; true: every one-letter reference; or what the letters stand for. */
export type Choices = 'auto' | boolean | ReadonlyMap<string, string>

/** The letter of a text that is nothing else: B, (B), \text{B}, \textbf{(B)}. */
export function singleLetter(text: string): string | undefined {
  return /^\(?([A-Za-z])[).:]?$/.exec(plain(text))?.[1]
}

/** The letter of a reference that is nothing but a choice; or the text of a choice. */
export function choiceReference({ text, letter }: { text: string; letter?: string }, choices: Choices = 'auto'): string | undefined {
  if (choices === false) return undefined
  if (typeof choices === 'object') {
    if (letter && choices.has(letter.toUpperCase())) return letter.toUpperCase()
    return [...choices].find(([, option]) => plain(option) === plain(text))?.[0]
  }
  if (letter === undefined || (choices === 'auto' && !/[A-Z]/.test(letter))) return undefined
  return letter.toUpperCase()
}

/** The letter a candidate chooses: B, (B), B), B. 5, (B) 42, (b). Undefined where it chooses none or several. */
export function chosenLetter(text: string, choices: Choices = 'auto'): string | undefined {
  const head =
    /^(?:\(([A-Za-z])\)|\[([A-Z])\]|([A-Z])(?:[).:](?![A-Za-z]|\d)|(?=[\u3000-\u9fff])|$)|([a-z])\)(?!\w))\s*(.*)$/s.exec(plain(text)) ??
    (choices !== 'auto' && /^([A-Za-z])()()()()$/.exec(plain(text)))
  if (!head || /^(?:and|or|,|&|\/)(?:\W|$)/.test(head[5])) return undefined
  const letter = (head[1] ?? head[2] ?? head[3] ?? head[4]).toUpperCase()
  return typeof choices === 'object' && !choices.has(letter) ? undefined : letter
}

function plain(text: string): string {
  return stripDelimiters(normalizeUnicode(text.slice(0, 400)))
    .replace(/\\(?:text|textbf|textit|mathrm|mathbf|mbox|boxed|bf|rm)(?![a-zA-Z])|[{}$*]|\\[ ,;!]/g, ' ')
    .replace(/\s+/g, ' ')
    .replace(/\( /g, '(')
    .replace(/ \)/g, ')')
    .trim()
    .replace(/^(?:the )?(?:option|choice|answer)\s+(?=\(?[A-Z]\)?(?![A-Za-z]))/i, '')
    .replace(/[.,;]$/, '')
}
