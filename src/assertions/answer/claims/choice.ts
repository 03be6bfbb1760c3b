/** Multiple choice: answers that are one letter. */

import { normalizeUnicode, stripDelimiters } from '../reading/normalize.ts'

/** `auto`: a reference that is one capital letter is a choice; true: every one-letter reference; or what the letters stand for. */
export type Choices = 'auto' | boolean | ReadonlyMap<string, string>

/** The letter of a text that is nothing else: B, (B), \text{B}, \textbf{(B)}. */
export function singleLetter(text: string): string | undefined {
  return /^\(?([A-Za-z])[).:]?$/.exec(plain(text))?.[1]
}

/** A choice of a reference, and the text of that choice where it is known. */
export interface Choice {
  letter: string
  text?: string
}

/** The choice that a reference is: by its letter, its letter and text, or the text of one of the choices. */
export function choiceReference(
  { text, letter, option }: { text: string; letter?: string; option?: Required<Choice> },
  choices: Choices = 'auto',
): Choice | undefined {
  if (choices === false) return undefined
  if (typeof choices === 'object') {
    const named = (letter ?? option?.letter)?.toUpperCase()
    const found = named !== undefined && choices.has(named) ? named : [...choices].find(([, one]) => plain(one) === plain(text))?.[0]
    return found === undefined ? undefined : { letter: found, text: choices.get(found) }
  }
  if (option) return option
  return letter === undefined || (choices === 'auto' && !/[A-Z]/.test(letter)) ? undefined : { letter: letter.toUpperCase() }
}

/** The choice that a small letter is where the problem has such choices: "Choose (a), (b) or (c)." */
export function smallChoice({ letter }: { letter?: string }, choices: Choices, problem: string | undefined): Choice | undefined {
  if (choices !== 'auto' || problem === undefined || letter === undefined || !/^[a-h]$/.test(letter)) return undefined
  return /(?:^|[\s(])a\)\s?/.test(problem) && /[\s(]b\)\s?/.test(problem) ? { letter: letter.toUpperCase() } : undefined
}

const LETTERED =
  /^(\\(?:text|textbf|mathrm|mathbf)\s?\{)?\s?(?:\(([A-J])\)|([A-J])(?:\)|[.:](?=[\s$}\\~])))(\s?\})?((?:\s|\\[ ,;!]|~|\\q?quad(?![a-z])){0,4})(\S.*)$/s
/** Behind a letter these go on with a formula, or with another choice. */
const NO_OPTION =
  /^(?:[+*/^=<>_,;&|)]|-(?!\s?[\d$\\])|\\(?:cup|cap|cdot|times|setminus|in|to|land|lor|[lg]eq?|neq?|pm)(?![a-z])|(?:and|or)\W)/
const ANOTHER = /\([A-J]\)|(?:^|\s)[A-J][).:]\s/

/** The letter and the text of "(E) 25", "A: blue", "\textbf{(E)}\ 25". */
export function lettered(text: string): Required<Choice> | undefined {
  const match = LETTERED.exec(stripDelimiters(normalizeUnicode(text.slice(0, 400))))
  if (!match) return undefined
  const [, command, bracketed, bare, closed, blank, behind] = match
  const open = command !== undefined && closed === undefined
  if (open && !behind.endsWith('}')) return undefined
  const rest = open ? behind.slice(0, -1) : behind
  if (rest.trim() === '' || NO_OPTION.test(rest) || ANOTHER.test(rest) || (blank === '' && /^[-(]/.test(rest))) return undefined
  return { letter: bracketed ?? bare, text: rest.trim() }
}

/** What a sentence goes on with that says something of a choice: "(C) is a distractor". */
const TOLD_OF =
  /^(?:is|was|are|looks|seems|appears|fails|does|can|cannot|could|would|might|may|contradicts|leads|sounds|false|wrong|incorrect|true|right)\b/i
const CHOSEN =
  /^(?:is|must be|has to be|was) (?:the |indeed |clearly |therefore |thus |hence )*(?:correct|right|true|answer|best|one|only|solution|choice|option|valid)\b/i

/** The letter a candidate chooses: B, (B), B), B. 5, (B) 42, (b). Undefined where it chooses none or several. */
export function chosenLetter(text: string, choices: Choices = 'auto'): string | undefined {
  const head =
    /^(?:\(([A-Za-z])\)|\[([A-Z])\]|([A-Z])(?:[).:](?![A-Za-z]|\d)|(?=[\u3000-\u9fff])|$)|([a-z])\)(?!\w))\s*(.*)$/s.exec(plain(text)) ??
    (choices !== 'auto' && /^([A-Za-z])()()()()$/.exec(plain(text)))
  if (!head || /^(?:and|or|,|&|\/)(?:\W|$)/.test(head[5]) || (TOLD_OF.test(head[5]) && !CHOSEN.test(head[5]))) return undefined
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
