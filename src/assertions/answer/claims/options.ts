/** Lists of options: those of which a response marks one, "A. 10 ✗", "B. 20 ✓", and those of a problem. */

import { matchesOf } from '../reading/matches.ts'
import { remembered } from '../reading/remembered.ts'
import { firstLine } from './sentences.ts'

const OPTION = /^\s{0,4}(?:[-*•]\s)?[*_]{0,2}\(?([A-J])[).:][*_]{0,2}\s(.{1,200})$/
const MARKED = /[✓✔✅☑←]|<-{1,2}|(?<!\b(?:not|never|isn['’]t|neither) )\b(?:correct|right|true)\b(?!\s*\?)/i
const UNMARKED = /[✗✘❌✕]|\b(?:not|incorrect|wrong|false|never)\b|n['’]t\b/i

/** "A: false. B: false. C: true." on one line */
const JUDGED = /(?:^|[\s.,;])\(?([A-J])\)?\s?[:–=-]?\s(true|false|right|wrong|correct|incorrect)(?=[\s.,;]|$)/gi

function judged(text: string): string | undefined {
  const line = text.trim()
  if (line.length > 200 || !/^\(?[A-J]\)?\s?[:–=-]?\s(?:true|false|right|wrong|correct|incorrect)\b/i.test(line)) return undefined
  const options = matchesOf(line, JUDGED)
  const right = options.filter(([, , said]) => /^(?:true|right|correct)$/i.test(said))
  return options.length > 1 && right.length === 1 ? right[0][1] : undefined
}

/** The letter of the one marked option at the end of a text. Undefined: none is marked there, or several are. */
export function markedOption(text: string): string | undefined {
  const inLine = judged(text.slice(-201))
  if (inLine) return inLine
  const options: RegExpExecArray[] = []
  for (const line of text.slice(-2000).trimEnd().split('\n').reverse()) {
    const option = OPTION.exec(line)
    if (option) options.push(option)
    else if (line.trim() !== '') break
  }
  const marked = options.filter(([, , said]) => MARKED.test(said) && !UNMARKED.test(said))
  return options.length > 1 && marked.length === 1 ? marked[0][1] : undefined
}

/** How commands set the letter of an option. */
const SET_LETTER = /\\(?:text|textbf|textrm|mathrm|mathbf|rm|bf)\s?\{\s?(\(?[A-J][).])\s?\}/g
/** The letter before an option: "(A) 12", "A. 12", "A) 12". */
const LETTER = /(?<![^\s$~}\],;])(?:\(([A-J])\)|([A-J])[.)](?=[\s\\$~]))/g
/** What stands round the text of an option and is none of it. */
const AROUND_OPTION = /^(?:[\s~]|\\[ ,;!]){1,20}|(?:[\s~,;]|\\[ ,;!\\]){1,20}$/g
/** Fewer options are no choice, and longer ones are sentences. */
const FEWEST = 3
const LONGEST = 200

/** The text of each option that a problem lists behind its letter, (A) to (E). Undefined: it lists none. */
export const optionsOf = remembered((problem: string): ReadonlyMap<string, string> | undefined => {
  const text = problem
    .slice(-4000)
    .replace(SET_LETTER, ' $1')
    .replace(/\\q?quad(?![a-z])/g, ' ')
  const letters = matchesOf(text, LETTER)
  const first = letters.findLastIndex(([, bracketed, bare]) => (bracketed ?? bare) === 'A')
  if (first < 0) return undefined
  const options = new Map<string, string>()
  for (const [i, letter] of letters.slice(first).entries()) {
    if ((letter[1] ?? letter[2]) !== 'ABCDEFGHIJ'[i]) return undefined
    const behind = text.slice(letter.index + letter[0].length, letters[first + i + 1]?.index)
    const option = firstLine(behind.trimStart()).replace(AROUND_OPTION, '')
    if (option === '' || option.length > LONGEST) return undefined
    options.set('ABCDEFGHIJ'[i], withoutLooseDollar(option))
  }
  return options.size < FEWEST ? undefined : options
})

/** "8$", where the formula that it closes holds all of the options. */
const withoutLooseDollar = (option: string): string =>
  /^[^$]*\$$/.test(option) ? option.slice(0, -1).replace(AROUND_OPTION, '') : option.replace(/^\$(?=[^$\d][^$]*$)/, '')
