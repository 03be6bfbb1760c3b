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
const SUPPOSED =
  /\b(?:if|unless|would|could|might|may|suppose|whether|perhaps|maybe|only|some|sometimes|nobody|no one|false|wrong|hardly|claims?|says?|said|thinks?|believes?)\b/i
const PRONOUN = /(?:^|\s)(?:it|they|this|that|these|those|he|she|we)$/i
/** "it's" */
const CONTRACTED = /\b(it|that|this|he|she)['’]s (?=(?:not |an? |the )?[a-z])/gi
const CONTRACTED_PLURAL = /\b(they|these|those|we)['’]re (?=[a-z])/gi
/** Words of a question that no verdict says again. */
const EMPTY = new Set('a an the of is are be number numbers integer value indeed also thus then therefore it'.split(' '))

const wordsOf = (text: string): string[] =>
  (text.toLowerCase().match(/\d[\d.,]*\d|\d|[a-z]+|\$[^$]*\$/g) ?? [])
    .filter((word) => !EMPTY.has(word))
    .map((word) => word.replace(/(?<=..)s$/, ''))

/** "it does", "they are not" */
const SHORT =
  /(?:^(?:\W{0,4}(?:by|from|due to) [^,;]{1,40}\s)?|[,;:]\s|\b(?:so|that|thus|hence|therefore)\s)(?:it|they|this|that|these|he|she|we)\s(?:(is|are|was|were|does|do|did|can|has|have|will)(\s?not|n['’]t)?|(can)(['’]t))[.!\s*]{0,4}$/i

/** "It can't be tiled because 63 is odd.", "Impossible.", "so it is possible" */
const POSSIBLE =
  /^\W{0,4}(?:[^,;]{1,80}[,;] )?(?:so |thus |hence |therefore )?(?:(?:(?:it|this|that|they|we|you|one|he|she)\s|(?:it|that|this)['’]s )?(?:is )?((?:can(?:['’]t|not| not)|impossible|not possible|never possible)\b)|(?:(?:it|this|that) is |(?:it|that)['’]s )?(?:always )?possible\b|(?:it|they|this|that|we|you|one|he|she)\scan\s)/i

/** The verb of "Does the series converge?", and the one that denies it. */
const OPPOSITES: ReadonlyMap<string, string> = new Map([
  ['converge', 'diverge'],
  ['diverge', 'converge'],
])

/** "so the series diverges" to "Does the series converge?", and "it does" to the same. */
function verbIn(sentence: string, question: string): Found | undefined {
  const end = sentence.slice(-300)
  const auxiliary = /^\W{0,4}([a-z]+)\s/i.exec(question)?.[1].toLowerCase()
  const short = SHORT.exec(end)
  if (short && !SUPPOSED.test(end)) {
    const at = sentence.length - short[0].length
    return (short[1] ?? short[3]).toLowerCase() === auxiliary
      ? { text: (short[2] ?? short[4]) === undefined ? 'yes' : 'no', at }
      : undefined
  }
  if (auxiliary === 'can' || /^\W{0,4}is it possible\b/i.test(question)) {
    const possible = POSSIBLE.exec(end)
    if (possible && !SUPPOSED.test(end.replace(/\bonly\b/g, ' ')))
      return { text: possible[1] === undefined ? 'yes' : 'no', at: sentence.length - end.length + possible.index }
  }
  const verb = /^\W{0,4}(?:does|do)\s[^?]{2,120}?\s([a-z]{3,14})\?\W*$/i.exec(question)?.[1].toLowerCase()
  if (verb === undefined) return undefined
  const said = new RegExp(
    String.raw`(?:^\W{0,4}|[,;:]\s)(?:(?:so|thus|hence|therefore)\s)?([^,;:]{2,80}?)\s(${verb}|${OPPOSITES.get(verb) ?? verb})e?s?(?: [a-z]+ly| (?:at|in) [^,;]{1,30}(?:, ?[^;]{1,20}\))?)?[.!\s*]{0,4}$`,
    'i',
  ).exec(end)
  if (!said || SUPPOSED.test(said[0]) || /\b(?:not|never|neither|both)\b|n['’]t\b/i.test(said[1])) return undefined
  const about = wordsOf(said[1])
  const asked = wordsOf(question)
  const subject = about.slice(-1)
  if (!PRONOUN.test(said[1].trim()) && !(subject.length > 0 && asked.includes(subject[0]))) return undefined
  return { text: said[2].toLowerCase() === verb ? 'yes' : 'no', at: sentence.length - said[0].length }
}

/** What excludes what. */
const ANTONYMS: ReadonlyMap<string, string> = new Map(
  [
    ['even', 'odd'],
    ['increasing', 'decreasing'],
    ['rational', 'irrational'],
    ['convergent', 'divergent'],
    ['prime', 'composite'],
    ['possible', 'impossible'],
    ['dependent', 'independent'],
    ['finite', 'infinite'],
    ['true', 'false'],
    ['positive', 'negative'],
  ].flatMap(([one, other]) => [
    [one, other],
    [other, one],
  ]),
)

/** "it is not a prime" to "Is 221 a prime number?": the last words of the question, said or denied of what it asks about. */
export function verdictIn(sentence: string, problem: string): Found | undefined {
  const question = askedOf(problem).sentence
  const verbal = ASKS.test(question) && !/\bor\b/i.test(question) ? verbIn(sentence, question) : undefined
  if (verbal) return verbal
  const verdict =
    ASKS.test(question) && !/\b(?:or|not)\b|n['’]t\b/i.test(question)
      ? VERDICT.exec(sentence.slice(-300).replace(CONTRACTED, '$1 is ').replace(CONTRACTED_PLURAL, '$1 are '))
      : null
  if (!verdict) return undefined
  const [said, subject, verb, denied, predicate] = verdict
  const asked = wordsOf(question)
  const opposite = ANTONYMS.get(wordsOf(predicate).at(-1) ?? '')
  const opposed = opposite !== undefined && asked.includes(opposite)
  const predicated = wordsOf(opposed ? predicate.replace(/\w+\W*$/, opposite) : predicate)
  const same = predicated.length === 1 && predicated[0] === 'equal' && /\bequal\b/i.test(question)
  if (SUPPOSED.test(said) || predicated.length === 0 || !(same || predicated.includes(asked.at(-1)!))) return undefined
  if (!predicated.every((word) => asked.includes(word))) return undefined
  const about = wordsOf(subject)
  if (!PRONOUN.test(subject.trim()) && !(about.length > 0 && about.every((word) => asked.includes(word)))) return undefined
  const no = (denied !== undefined || /n['’]t$|cannot/i.test(verb)) !== opposed
  // What is not odd may be no number at all.
  if (opposed && !no) return undefined
  return { text: no ? 'no' : 'yes', at: sentence.length - said.length }
}
