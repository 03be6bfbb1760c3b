/** What speaks for a part of a response as the answer to a question, and what against it: marks, each with a weight and a name. */

import { matchesOf } from '../../reading/matches.ts'
import { remembered } from '../../reading/remembered.ts'
import { isMeasure, isPercent, relateUnits } from '../../units/units.ts'
import { objectsIn, stems } from '../asked.ts'
import { quantityEnd } from '../extent.ts'
import { CHANGES_IT, concludes } from '../roles.ts'
import { blotted } from '../sentences.ts'
import type { Part } from './parts.ts'
import { deedsOf, degreesOf, EACH, EACH_ONE, LEFT, OF, type Question } from './question.ts'

/** Set by hand and checked on labelled prose. What speaks against a claim weighs more than a word that it shares with the question. */
export const WEIGHTS = {
  'the unit asked for': 3,
  'the unit converted': -2,
  'another unit': -4,
  'what is counted': 3,
  'another count': -2,
  'the thing asked for': 2,
  'words of the question': 1,
  'the name asked for': 2,
  'another name': -2,
  'the condition asked for': 1,
  'another condition': -3,
  'the one asked for': 1,
  'another one': -3,
  'the deed asked for': 0,
  'another deed': -3,
  'of another': -2,
  'another time': -2,
  'another subject': -2,
  'a generality': -2,
  'a comparison': -5,
  'a conclusion': 2,
  'a conclusion that goes on': 2,
  'a calculation': 1,
  'a supposition': -3,
  'a premise': -3,
  'a check': -4,
  'said by others': -5,
  'a rounded form': -3,
  'a remark': -3,
} as const
export type Mark = keyof typeof WEIGHTS

export interface Weighed {
  part: Part
  score: number
  /** The sum of what speaks against it. */
  against: number
  marks: readonly Mark[]
  /** The one number with the unit or noun asked for. */
  value?: string
  /** Each other number has a unit or noun of its own. */
  only: boolean
}

const NUMBER = /(?<![\w.,/])[$€£\ue000]?[-−]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:\/\d+)?|•+/g
const NOUN =
  /^\s((?:[a-z'’-]+\s){0,3}?[a-z'’-]{3,})(?=[,.;:)]|\s(?:and|or|in|on|at|for|with|of|to|from|are|is|were|was|left|per|a|an|each|that|which|by|than|more|less|as|after|before|long|old|so|because|if|when|over|remain\w*|altogether|total|have|has|can|will)\b|\s*$)/
/** Whether two nouns are the same but for an ending. */
export const sameNoun = (a: string, b: string): boolean => a === b || (a.length > 3 && b.length > 3 && (a.startsWith(b) || b.startsWith(a)))

const SUPPOSED =
  /\bif\b|\bunless\b|\bwould\b|\bcould\b|\bmight\b|['’]d\b|\bsuppos\w+|\bassum\w+|\bhad (?:he|she|it|we|they|you|the)\b|\bimagine\b/i
const TIME =
  /^[\W_]{0,6}(?:(?:and|but|so) )?(?:in|after) (?:an?|another|\d+|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty) (?:more )?(?:years?|days?|weeks?|months?|hours?|minutes?)\b|\b(?:will|would) be then\b|\bis then\b|\bat that time\b|\blater\b/i
/** "so the bus is 15 minutes slower" */
const COMPARED =
  /[•\d](?: [a-z]+){0,2} (?:slower|faster|older|younger|taller|shorter|wider|heavier|lighter|cheaper|warmer|colder|(?:more|less|fewer)(?: [a-z]+){0,2} than)\b(?![^,;]*, )/i
/** "The median 14 is larger than the mean" tells of the value itself. */
const IS_COMPARED = /[•\d] (?:is|are|was|were) (?:\w+ )?(?:more|less|fewer|\w+er) than\b/i
/** What leads up to a main clause. */
const PREMISE =
  /^[\W_]{0,6}(?:(?:and|but|so|now|then|thus|hence|therefore),? )?(?:if|since|when|as|because|while|given|assuming|suppose|let|once|where|although|though)\b/i
const OTHERS =
  /\b(?:some(?:body|one)?|any(?:body|one)|whoever|those|people|students?|pupils|many|most|others?|classmates?|friends?|learners?|beginners?)\s(?:(?:who|people|students|would|might|may|often|simply|wrongly)\s){0,3}(?:says?|said|thinks?|answers?|answered|gets?|claims?|guess\w*|writes?|wrote|picks?|believes?|forgets?|confuses?|makes? the mistake)\b|\bdo(?: not|n['’]t) confuse\b|\b(?:common|easy|typical) mistake\b|\bmistake here\b/i
const CHECKED =
  /^[\W_]{0,6}(?:check\b|checking\b|verif\w+|to (?:check|verify)\b|as a check|(?:putting|plugging|substituting) (?:it|this|that|them|[a-z\d= ]{1,12}) (?:back|in)\b)|\bas (?:it should|required|expected|needed)\b|\b(?:is|are|does|do|which|that) indeed\b|\bindeed (?:adds?|gives?|is|are|equals?|makes?)\b|\bwhich (?:checks|fits|agrees|matches)\b/i
const ROUNDED = /\bround(?:ed|s|ing)\b|\bapproximately\b|\babout\b|\broughly\b|≈|\\approx|\bas a decimal\b|\bin decimals?\b/i
const REMARKED =
  /^[\W_]{0,6}(?:note|notice|by the way|incidentally|for (?:comparison|reference|completeness|the record|context|example|instance)|remember|of course|in practice|in real life|usually|typically|fun fact|you (?:should|might|may)|one (?:might|may|could)|please)\b|\bfor comparison\b|\bby the way\b|\bif you need\b/i

const SUBJECT =
  /^[\W_]{0,6}(?:(?:and|but|while|whereas|so|thus|hence|then|also|now|therefore),?\s)?(?:the|its|his|her|their|this|that|these|those|an?|each|every|another|most|some)\s(?!(?:puts?|makes?|leaves?|gives?|brings?|means?|yields?|takes?|adds?|shows?)\b)((?:[a-z'’-]+\s){0,4}?[a-z'’-]+)\s(?:(?:is|are|was|were|has|have|had|can|could|will|would|should|must|may|might|equals?|of|in|on|at|with|for|often|usually|also|then|itself|alone|[a-z]{3,}(?:s|ed))\b|=|[•\d])/i
/** One of those before. */
const CHOSEN =
  /\b(?:only|next|other|possible|required|(?:larg|small|great|long|short|high|low|clos|bigg|old|young|fast|slow)(?:er|est)|first|last|least|most|minimum|maximum)\b/i
/** "A right angle", "Most pumps": of any. */
const GENERAL = /^[\W_]{0,6}(?:An?(?! total)|Most|Many|Some|Every|Another)\s[a-z]/
/** "a circumference of 10", "the height 4" */
const NOMINAL = /\b(?:an?|the|its) ((?:[a-z-]+ ){0,2}?[a-z-]+) of (?:about |exactly )?[•\d]/gi
/** Subjects that any question may have. */
export const ANY = new Set(
  stems('answer result total number value amount sum rest remainder final difference solution count quantity product new'),
)

/** A step that is carried out, and no check of the answer. */
export const isCarriedOut = (text: string): boolean => isCalculation(text) && !CHECKED.test(text)

/** "a quarter of which are sold: 7 thousand": what comes out stands behind the colon. */
const TAKEN =
  /\b(?:half|halves|thirds?|quarters?|fourths?|fifths?|sixths?|sevenths?|eighths?|ninths?|tenths?|percent|twice|times|%) ?(?:of )?[^:]{1,80}:\s[$€£]?\d[^:]{0,30}$/i

function isCalculation(text: string): boolean {
  if (TAKEN.test(text)) return true
  const sign = text.lastIndexOf('=')
  return (
    sign > 0 && /\d/.test(text.slice(0, sign)) && /[-+−*/×·÷^<(]|\\[a-z]{3,}|\b(?:times|plus|minus|divided|of)\b/.test(text.slice(0, sign))
  )
}

/** "the larger number is", of what a question calls no more than a number. */
const saysOf = remembered((called: string) => new RegExp(String.raw`\bthe (?:\w+ )?${called} (?:is|was|must be|equals)\b`, 'i'))

/** How many of some words stand among others, those of a third set left out. */
function countIn(words: ReadonlySet<string>, others: ReadonlySet<string>, without?: ReadonlySet<string>): number {
  let count = 0
  for (const word of words) if (others.has(word) && !without?.has(word)) count++
  return count
}

/** ", so there is no hurry": it concludes no value. */
const PLAIN_RESULT = /,? (?:so|thus|hence|therefore|which means)\b[^\d•]{1,200}$/i

export function weigh(part: Part, question: Question, problem: ReadonlySet<string>, before?: Weighed): Weighed {
  const { text } = part
  const plain = blotted(text)
  const marks: Mark[] = []
  const words = new Set(stems(plain))
  const add = (mark: Mark, times = 1): void => {
    for (let i = 0; i < times; i++) marks.push(mark)
  }
  const { value, only, bare } = measures(plain, text, question, marks)
  const called = question.called !== undefined && saysOf(question.called).test(plain)
  const thing = called ? 1 : countIn(question.thing, words)
  add('the thing asked for', Math.min(2, thing))
  add('words of the question', Math.min(3, countIn(question.words, words, question.thing)))
  names(plain, text, question, marks)
  conditions(plain, question, marks)
  degrees(plain, question, marks)
  deeds(plain, question, marks)
  if (TIME.test(plain) && !question.timed) add('another time')
  if (question.of !== undefined) others(plain, question, marks)
  if (question.letter !== undefined) letters(plain, question.letter, marks)
  const rounded = ROUNDED.test(plain) && !question.rounds
  const concluded = concludes(plain.replace(PLAIN_RESULT, '')) && !rounded
  const subject = concluded || CHANGES_IT.test(plain) ? null : SUBJECT.exec(plain)
  if (subject) {
    const said = stems(subject[1])
    if (said.length > 0 && !CHOSEN.test(subject[1]) && !said.some((word) => question.words.has(word) || ANY.has(word) || problem.has(word)))
      add('another subject')
    else if (GENERAL.test(plain) && !(question.degrees.includes(EACH_ONE) && degreesOf(plain).includes(EACH_ONE))) add('a generality')
  } else if (/ of [•\dae]/.test(plain)) {
    const said = matchesOf(plain, NOMINAL).map(([, noun]) => stems(noun))
    if (
      said.length > 0 &&
      said.every((noun) => noun.length > 0 && !noun.some((word) => question.words.has(word) || ANY.has(word) || problem.has(word)))
    )
      add('another subject')
  }
  if (concluded) add('a conclusion')
  if (isCalculation(text)) add('a calculation')
  if (COMPARED.test(plain) && !question.compares && !(thing > 0 && IS_COMPARED.test(plain))) add('a comparison')
  if (SUPPOSED.test(plain) && !question.supposes) add('a supposition')
  if (PREMISE.test(plain) && !/[,:]/.test(plain.slice(12))) add('a premise')
  if (CHECKED.test(plain) && !concluded) add('a check')
  if (OTHERS.test(plain)) add('said by others')
  if (rounded) add('a rounded form')
  if (REMARKED.test(plain) && !concluded) add('a remark')
  if (before?.part.sentence === part.sentence) inherit(before, marks, bare)
  const weights = marks.map((mark) => WEIGHTS[mark])
  return {
    part,
    score: weights.reduce<number>((a, b) => a + b, 0),
    against: weights.reduce<number>((a, b) => a + Math.min(0, b), 0),
    marks,
    ...(value !== undefined && { value }),
    only,
  }
}

/** "of her 20 cards", behind the number of those that are meant. */
const PART = /^ (?:out )?of (?:the|his|her|its|their|our|my|your|these|those) (?:[a-z]+ )?[$€£]?[•\d]/
/** "Of the 20 cards" */
const OF_ALL = /^[\W_]{0,6}(?:(?:so|and|but|then),? )?(?:of|out of|from|among) (?:the |these |those |all |his |her |its |their )?$/i

const MEASURES = ['what is counted', 'the unit asked for'] as const
const OTHER_MEASURES: ReadonlySet<Mark> = new Set<Mark>(['another unit', 'another count', 'the unit converted', 'a calculation'])
/** What a sentence has said of itself holds for what it goes on with: its role, and its subject unless there is another one. */
const ROLES: ReadonlySet<Mark> = new Set<Mark>(['a supposition', 'another time', 'a check', 'said by others', 'a rounded form', 'a remark'])
const SUBJECTS: ReadonlySet<Mark> = new Set<Mark>(['another subject', 'another name', 'a generality'])
const OWN: ReadonlySet<Mark> = new Set<Mark>(['the name asked for', 'the one asked for', 'the thing asked for'])

function inherit(before: Weighed, marks: Mark[], bare: boolean): void {
  // "Ann has 12 marbles and Tom has 36": the noun is said once.
  const otherDeed = marks.includes('another deed') && before.marks.includes('the deed asked for')
  const measure =
    bare && !otherDeed && !marks.some((one) => OTHER_MEASURES.has(one)) ? MEASURES.find((mark) => before.marks.includes(mark)) : undefined
  if (measure) marks.push(measure)
  if (measure && before.marks.includes('the thing asked for') && !marks.includes('the thing asked for')) marks.push('the thing asked for')
  if (marks.includes('a conclusion')) return
  if (before.marks.some((mark) => mark.startsWith('a conclusion'))) marks.push('a conclusion that goes on')
  const own = marks.some((mark) => OWN.has(mark))
  for (const mark of before.marks) if ((ROLES.has(mark) || (!own && SUBJECTS.has(mark))) && !marks.includes(mark)) marks.push(mark)
}

/** The units and nouns of its numbers. */
function measures(plain: string, text: string, question: Question, marks: Mark[]): { value?: string; only: boolean; bare: boolean } {
  const { unit: asked, counted } = question
  if (asked === undefined && counted === undefined) return { only: false, bare: false }
  let bare = false
  const found: string[] = []
  let converted = false
  let other: Mark | undefined
  const numbers = matchesOf(plain, NUMBER).slice(-6)
  let part: string | undefined
  let whole = false
  const count = (number: string, all: boolean): void => {
    if (all) whole = true
    else found.push(number)
  }
  for (const { index, 0: number } of numbers) {
    const end = index + number.length
    // "8 of her 20 cards", "Of the 20 cards she lost 8"
    if (PART.test(plain.slice(end, end + 20))) {
      part = text.slice(index, end)
      continue
    }
    const all = part === undefined && OF_ALL.test(plain.slice(0, index))
    const meant = part ?? text.slice(index, end)
    part = undefined
    const unit = unitAt(text, index, end, number, asked)
    if (unit !== '' && (isMeasure(unit) || isPercent(unit))) {
      if (asked !== undefined && isSame(unit, asked)) count(meant, all)
      else if (asked !== undefined && sameKind(unit, asked)) converted = true
      else if (!conditioned(number, unit, question)) other ??= 'another unit'
      continue
    }
    const noun = (all ? /^\s([a-z]{3,})/ : NOUN).exec(plain.slice(end, end + 60))?.[1]
    const said = noun === undefined || VERBAL.test(noun) ? [] : stems(noun)
    if (said.length === 0 && whole) {
      found.push(meant)
      continue
    }
    bare ||= said.length === 0
    if (counted !== undefined && said.some((word) => counted.some((one) => sameNoun(word, one)))) {
      if (isOtherKind(said, question)) other ??= 'another count'
      else count(meant, all)
    } else if (
      counted?.length !== 0 &&
      said.length > 0 &&
      !said.some((word) => question.thing.has(word)) &&
      !conditioned(number, noun!, question)
    )
      other ??= 'another count'
  }
  if (found.length > 0) marks.push(asked === undefined ? 'what is counted' : 'the unit asked for')
  else if (converted) marks.push('the unit converted')
  else if (other) marks.push(other)
  if (found.length !== 1 || found[0].includes('$') || IN_WORDS.test(plain)) return { only: false, bare: found.length === 0 && bare }
  return { value: found[0], only: numbers.length > 1 && !bare && !converted && !RATED.test(plain), bare: false }
}

/** "8 dollars an hour" */
const RATED = /\d ?(?:[a-z$€£]+ )?(?:(?:per|an?|each|every) [a-z]|\/ ?[a-z])|=/i

/** "thirty-three dollars": another number of the same unit. */
const IN_WORDS = /\b(?:(?:twen|thir|for|fif|six|seven|eigh|nine)ty|\w{3,6}teen|eleven|twelve|hundred|thousand)\b/i

/** "18 black bikes" where the red ones are asked for. */
const isOtherKind = (said: readonly string[], { thing, words, counted }: Question): boolean =>
  said.some((word) => !words.has(word) && !counted!.some((one) => sameNoun(word, one))) && [...thing].some((word) => !said.includes(word))

/** No noun but how a sentence goes on. */
const VERBAL =
  /^(?:that|which|who|remain\w*|left|broke|is|are|was|were|has|have|had|can|will|would|must|should|times|plus|minus|more|less|makes?|gives?|gets?|divided|multiplied|of)\b/i

/** The unit of a number: in signs, in words, or the symbol of the unit asked for. Empty: it has none. */
function unitAt(text: string, start: number, end: number, number: string, asked: string | undefined): string {
  if (/^[$€£\ue000]/.test(number)) return 'dollars'
  const behind = text.slice(end, end + 40)
  if (/^\s?(?:%|per ?cent\b)/.test(behind)) return 'percent'
  const written = text.slice(end, quantityEnd(text, start, end)).trim()
  const unit = written.replace(/\s(?:each|every)\b.*$/, '')
  if (unit !== '') return asked !== undefined && !/ per |\//.test(asked) ? unit.replace(/\s(?:per|an?)\s.*$|\/.*$/, '') : unit
  const symbol = asked === undefined ? undefined : /^\s([A-Za-zµΩ°]{1,3})(?![\w/^²³])/.exec(behind)?.[1]
  return symbol !== undefined && isMeasure(symbol) && sameKind(symbol, asked!) ? symbol : ''
}

const conditioned = (number: string, noun: string, { conditions }: Question): boolean =>
  stems(noun).some((word) => conditions.get(word)?.has(number) ?? false)

const sameKind = (a: string, b: string): boolean => {
  if (isPercent(a) || isPercent(b)) return isPercent(a) && isPercent(b)
  return relateUnits(a, b) !== 'contradict'
}

const isSame = (a: string, b: string): boolean => {
  if (isPercent(a)) return isPercent(b)
  const relation = relateUnits(a, b)
  return relation === 'unknown' || (relation !== 'contradict' && relation.factor.n === relation.factor.d && relation.pi === 0)
}

const NAMES = /\b[A-Z][a-z]{2,15}\b/g
const NO_NAMES =
  /^(?:The|This|That|These|Those|There|They|She|Then|Thus|Hence|Therefore|Since|When|With|Without|From|For|And|But|Now|Next|After|Before|Adding|Subtract\w*|Multipl\w*|Divid\w*|Both|Each|Every|Total|Half|Twice|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|January|February|March|April|May|June|July|August|September|October|November|December|Together|Altogether|Also|Only|All|His|Her|Its|Their|Our|Your|You|Because|While|Whereas|Using|Let|Check|Note|Finally|First|Second|Third|One|Two|Three|Four|Five|Six|Seven|Eight|Nine|Ten|Each|Given|Here|Step|Answer|Solution)$/

/** Whether a text names others, and none of those that the question asks about. */
export const namesOthers = (text: string, { names: asked }: Question): boolean => {
  const said = asked.size === 0 ? [] : (text.match(NAMES) ?? []).filter((name) => !NO_NAMES.test(name))
  return said.length > 0 && !said.some((name) => asked.has(name))
}

function names(plain: string, text: string, { names: asked, objects }: Question, marks: Mark[]): void {
  if (objects.size > 0) {
    const said = objectsIn(text)
    if (said.some((one) => objects.has(one))) marks.push('the name asked for')
    else if (said.length > 0) marks.push('another name')
    return
  }
  if (asked.size === 0) return
  const said = (plain.match(NAMES) ?? []).filter((name) => !NO_NAMES.test(name))
  if (said.some((name) => asked.has(name))) marks.push('the name asked for')
  else if (said.length > 0) marks.push('another name')
}

const NUMBERED = /(?<![\w.,/])[-−]?(\d[\d,.]*\d|\d)(st|nd|rd|th)?(?:\s|-)([a-z]{2,})/gi

const ONES = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten']
/** "in two hours" */
const TIMES = new RegExp(String.raw`\b(${ONES.join('|')})(?= (?:second|minute|hour|day|week|month|year)s?\b)`, 'gi')

/** "In 4 days" where 2 days are asked for, "the 11th term" where it is the 10th. */
function conditions(plain: string, question: Question, marks: Mark[]): void {
  if (question.conditions.size === 0) return
  let other = false
  const counted = plain.replace(TIMES, (_, word: string) => String(1 + ONES.indexOf(word.toLowerCase())))
  for (const [, number, ordinal, noun] of matchesOf(counted, NUMBERED)) {
    const [stem] = stems(noun)
    const numbers = stem === undefined ? undefined : question.conditions.get(ordinal === undefined ? stem : `#${stem}`)
    if (numbers === undefined) continue
    if (numbers.has(number)) {
      marks.push('the condition asked for')
      return
    }
    if (!question.counted?.includes(stem) && !(question.unit !== undefined && stems(question.unit).includes(stem))) other = true
  }
  if (other) marks.push('another condition')
  else if (matchesOf(plain, EACH).some(([, noun]) => stems(noun).some((word) => question.conditions.get(word)?.has('1'))))
    marks.push('the condition asked for')
}

/** "the larger one" where the smaller is asked for. */
function degrees(plain: string, { degrees: asked }: Question, marks: Mark[]): void {
  if (asked.length === 0) return
  const said = degreesOf(plain)
  if (said.some((one) => asked.includes(one))) marks.push('the one asked for')
  else if (said.some((one) => asked.includes(-one))) marks.push('another one')
}

/** "you save $4" where the price is asked for. */
function deeds(plain: string, { deeds: asked }: Question, marks: Mark[]): void {
  if (asked.length === 0) return
  const said = deedsOf(plain)
  // "70 are left to read"
  if (said.some((one) => asked.includes(one)) && (asked.includes(LEFT) || !said.includes(LEFT))) marks.push('the deed asked for')
  else if (said.length > 0) marks.push('another deed')
}

/** "the probability of blue" where that of red is asked for. */
function others(plain: string, { thing, words, of }: Question, marks: Mark[]): void {
  const said = matchesOf(plain, OF).filter(([, noun]) => stems(noun).some((word) => thing.has(word)))
  if (said.length > 0 && said.every(([, , whose]) => stems(whose).every((word) => word !== of && !words.has(word))))
    marks.push('of another')
}

/** "y is 4" where x is asked for. */
function letters(plain: string, letter: string, marks: Mark[]): void {
  const said = matchesOf(plain, /(?<![\w\\])([a-z])\s?(?:=|is|equals|must be)\s/gi).map(([, one]) => one)
  if (said.includes(letter)) marks.push('the one asked for')
  else if (said.some((one) => one !== 'a')) marks.push('another one')
}
