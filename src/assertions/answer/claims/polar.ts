/** Yes and no before, behind and inside their reasons, and verdicts that say them in the words of the question. */

import { matchesOf } from '../reading/matches.ts'
import { askedOf } from './asked.ts'
import type { Found } from './numbers.ts'

/** "No remainder" is no no. */
const SAID =
  /(?:^|[,;:—–→⇒-]\s|\b(?:so|but|thus|hence|therefore|then|is|answer is)\s)[*_"“]{0,3}(yes|no)\b(?=[*_"”]{0,3}(?:[,.;:!—–]|\s[—–-]|\s*$|\s(?:it|there|they|he|she|this|that|because|since|the|we|\d)\b))/gi
const OPEN = /\b(?:if|unless|otherwise|depends|depending|maybe|perhaps|whether|sometimes)\b/i

/** The last yes or no that a sentence says. Undefined: it says none, or says it of a case only. */
export function polarIn(sentence: string): Found | undefined {
  if (OPEN.test(sentence)) return undefined
  const said = matchesOf(sentence.slice(0, 600), SAID).filter(
    ({ 1: word, index, 0: whole }) =>
      /yes/i.test(word) || !/^\s(?:it|there|they|he|she|this|that|the|we|\d)/.test(sentence.slice(index + whole.length)),
  )
  const last = said.at(-1)
  return last && { text: last[1], at: last.index + last[0].length - last[1].length }
}

const ASKS = /^\W{0,4}(?:is|are|was|were|does|do|did|can|has|have|will)\s/i
/** "so 221 is not a prime": the subject, what denies and what is said of it. */
const VERDICT =
  /(?:^\W{0,4}|[,;:]\s)(?:(?:and|so|but|thus|hence|therefore|then)\s)?((?:[^\s,;:]+\s){1,6}?)(is|are|was|were|does|do|did|can|has|have|isn['’]t|aren['’]t|doesn['’]t|don['’]t|cannot|can['’]t|wasn['’]t)\s((?:not|never|no)\s)?([^,;:]{2,80}?)[.!\s*]{0,4}$/i
const SUPPOSED = /\b(?:if|unless|would|could|might|may|suppose|whether|perhaps|maybe|only|some|sometimes)\b/i
const PRONOUN = /^(?:it|they|this|that|these|those|he|she|we)$/i
/** Words of a question that no verdict says again. */
const EMPTY = new Set('a an the of is are be number numbers integer value indeed also thus then therefore it'.split(' '))

const wordsOf = (text: string): string[] =>
  (text.toLowerCase().match(/\d[\d.,]*\d|\d|[a-z]+|\$[^$]*\$/g) ?? [])
    .filter((word) => !EMPTY.has(word))
    .map((word) => word.replace(/(?<=..)s$/, ''))

/** "it is not a prime" to "Is 221 a prime number?": the last words of the question, said or denied of what it asks about. */
export function verdictIn(sentence: string, problem: string): Found | undefined {
  const question = askedOf(problem).sentence
  const verdict = ASKS.test(question) && !/\b(?:or|not)\b|n['’]t\b/i.test(question) ? VERDICT.exec(sentence.slice(-300)) : null
  if (!verdict) return undefined
  const [said, subject, verb, denied, predicate] = verdict
  const asked = wordsOf(question)
  const predicated = wordsOf(predicate)
  if (SUPPOSED.test(said) || predicated.length === 0 || !predicated.includes(asked.at(-1)!)) return undefined
  if (!predicated.every((word) => asked.includes(word))) return undefined
  const about = wordsOf(subject)
  if (!PRONOUN.test(subject.trim()) && !(about.length > 0 && about.every((word) => asked.includes(word)))) return undefined
  const no = denied !== undefined || /n['’]t$|cannot/i.test(verb)
  return { text: no ? 'no' : 'yes', at: sentence.length - said.length }
}
