/** Multiple choice: answers that are one capital letter. */

import { normalizeUnicode, stripDelimiters } from './normalize.ts'

/** The letter of a reference that is nothing but a choice: B, (B), \text{B}, \textbf{(B)}. */
export function choiceReference(text: string): string | undefined {
  return /^\(?([A-Z])\)?$/.exec(plain(text))?.[1]
}

/** The letter a candidate chooses: B, (B), B), B. 5, (B) 42. Undefined where it chooses none or several. */
export function chosenLetter(text: string): string | undefined {
  const head = /^(?:\(([A-Z])\)|\[([A-Z])\]|([A-Z])(?:[).:](?![A-Za-z]|\d)|$))\s*(.*)$/s.exec(plain(text))
  if (!head || /^(?:and|or|,|&)(?:\W|$)/.test(head[4])) return undefined
  return head[1] ?? head[2] ?? head[3]
}

function plain(text: string): string {
  return stripDelimiters(normalizeUnicode(text.slice(0, 400)))
    .replace(/\\(?:text|textbf|textit|mathrm|mathbf|mbox|boxed|bf|rm)(?![a-zA-Z])|[{}$*]|\\[ ,;!]/g, ' ')
    .replace(/\s+/g, ' ')
    .replace(/\( /g, '(')
    .replace(/ \)/g, ')')
    .trim()
    .replace(/[.,;]$/, '')
}
