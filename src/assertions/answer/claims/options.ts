/** A list of options of which the response marks one: "A. 10 ✗", "B. 20 ✓". */

import { matchesOf } from '../reading/matches.ts'

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
