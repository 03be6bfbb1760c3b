/** What a question asks for, in the terms that a claim can be compared in: a thing, a unit, names, conditions, degrees. */

import { matchesOf } from '../../reading/matches.ts'
import { Recent } from '../../reading/recent.ts'
import { isMeasure } from '../../units/units.ts'
import { askedOf, stems } from '../asked.ts'

/** "the probability of red", "the area of the square" */
export const OF =
  /\b([a-z]{4,}) (?:of|that|for) (?:(?:an?|the|it|she|he|they|is|are|be|being|getting|drawing|rolling|picking|winning|both|all|one) ){0,4}([a-z]{3,})/gi

export interface Question {
  /** The sentence that asks. */
  sentence: string
  /** Its words, without those that say nothing and without endings. */
  words: ReadonlySet<string>
  /** Those of the thing asked for. */
  thing: ReadonlySet<string>
  /** "how many litres", "in cubic metres", "how much does she pay": the unit of the answer. */
  unit?: string
  /** "how many eggs": the noun that is counted, where it is no unit. Empty where none is named. */
  counted?: readonly string[]
  /** Whose value it is: "How old is Piet". */
  names: ReadonlySet<string>
  /** Triangles, segments and the like by their corners. */
  objects: ReadonlySet<string>
  /** "in 2 days", "the 10th term": numbers by their nouns. */
  conditions: ReadonlyMap<string, ReadonlySet<string>>
  /** "the larger angle", as one of two opposites. */
  degrees: readonly number[]
  /** "How much does she save": what is done with it, by its groups. */
  deeds: readonly number[]
  /** "the probability of red": of what. */
  of?: string
  /** "What is the number?": it is called no more than that. */
  called?: string
  /** "What is y?" */
  letter?: string
  /** It asks itself for what is mostly a remark: what would be, a rounded value. */
  supposes: boolean
  /** It asks by how much one is more than another. */
  compares: boolean
  /** It names a time: "in 4 years". */
  timed: boolean
  rounds: boolean
}

const kept = new Recent<Question>(64)

export const questionOf = (problem: string): Question => kept.of(problem, readQuestion)

/** Words that begin a question and are no name. */
const NO_NAME =
  /^(?:What|How|Which|Who|When|Where|Find|Determine|Compute|Calculate|Evaluate|Give|Solve|If|In|At|On|By|For|Of|To|Express|Simplify|Assume|Suppose|Let|The|This|That|These|Those|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|January|February|March|April|May|June|July|August|September|October|November|December|Celsius|Fahrenheit)$/
const NAME = /(?<![.?!]\s|^)\b[A-Z][a-z]{2,15}\b/g

/** A number and what it counts: "2 days", "the 10th term", "7 of the minutes". */
const NUMBERED = /(?<![\w.,/$\\^])(\d[\d,.]*\d|\d)(st|nd|rd|th)?(?:\s|-)([a-z]{2,})/gi

/** Words of degree and place, each beside its opposite. */
const OPPOSITES = [
  [
    'each|every|apiece|per (?:person|head|child|day|piece|ticket)|(?:an?|one) (?:single )?(?:person|child|day|piece|ticket|friend|student)',
    'altogether|in (?:all|total)|together|combined|for (?:all|both|the) (?:(?:the )?(?:two|three|four|five|six|seven|eight|nine|ten|\\d+)|of (?:us|them|you))',
  ],
  [
    'larg(?:er|est)|great(?:er|est)|bigg(?:er|est)|high(?:er|est)|maximum|maximal|most',
    'small(?:er|est)|least|low(?:er|est)|minimum|minimal|fewest',
  ],
  ['long(?:er|est)|tall(?:er|est)', 'short(?:er|est)'],
  ['old(?:er|est)', 'young(?:er|est)'],
  ['heavi(?:er|est)', 'light(?:er|est)'],
  ['fast(?:er|est)', 'slow(?:er|est)'],
  ['earli(?:er|est)', 'lat(?:er|est)'],
  ['positive', 'negative'],
  ['first', 'last'],
  ['inner', 'outer'],
  ['upper', 'lower'],
  ['way back|return', 'way (?:out|there)'],
  ['before|at first|originally|initially', 'after(?:wards)?|now|left|finally'],
] as const
/** The share of one and no total. */
export const EACH_ONE = 1
const PAIRS = OPPOSITES.map((pair) => pair.map((words) => new RegExp(String.raw`\b(?:${words})\b`, 'i')))

/** What is done with money or things, as groups of words for the same. */
const DEEDS = [
  'costs?|prices?|priced|pays?|paid|charge[sd]?|spends?|spent',
  'earn(?:s|ed)?|wages?|income',
  'sav(?:es?|ed|ings?)|discount(?:ed)?',
  'left|leaves?|leaving|remain(?:s|ed|ing)?|keeps?|kept|change|back',
  'profit|gain(?:s|ed)?',
  'los(?:es?|t)|loss(?:es)?',
  'wins?|won',
  'owes?|owed',
  'sells?|sold',
  'eat(?:s|en)?|ate',
  '(?<!\\b(?:ad|lunch|coffee|tea|rest|short) )brea?ks?|broke|broken',
  'reads?',
  'use[sd]?|consumed?',
  'absent|missing',
  'present',
] as const
/** Among them what is left. */
export const LEFT = 3
const DEED = new RegExp(String.raw`\b(?:${DEEDS.map((words) => `(${words})`).join('|')})\b`, 'gi')

/** The groups of deeds that a text speaks of. */
export const deedsOf = (text: string): number[] =>
  matchesOf(text, DEED).map(([, ...groups]) => groups.findIndex((group) => group !== undefined))

/** "per week": of one. */
export const EACH = /\b(?:each|every|per|an?) (second|minute|hour|day|week|month|year)\b/gi

/** The opposites that a text names one side of: 2 for "longer", -2 for "shorter". Where it names both it says nothing. */
export const degreesOf = (text: string): number[] =>
  PAIRS.flatMap(([one, other], i) => {
    const [first, second] = [one.test(text), other.test(text)]
    return first === second ? [] : [first ? i + 1 : -i - 1]
  })

const HOW_MUCH =
  /\bhow much (?:money|change|cash|profit|does [^?]{1,60}\b(?:pay|cost|earn|spend|save|charge|owe|make)|will [^?]{1,60}\b(?:pay|cost|earn|spend|save|charge|owe)|did [^?]{1,60}\b(?:pay|cost|earn|spend|save|charge|owe))\b/i
const IN_UNIT =
  /\bin ((?:square |cubic )?[a-zA-Zµ]{1,14}(?:(?: per |\/)(?:square |cubic )?[a-zA-Z]{1,12}(?:\^?[23²³])?)?(?:\^?[23²³])?)(?=[,?.)]|\s(?:is|are|was|were|does|do|did|will|would|can|could|has|have|had|must|should|on|of|for|to|at|after)\b|$)/g
const HOW_MANY = /\bhow many ((?:[\p{L}'’-]+\s?){1,4})/iu

function readQuestion(problem: string): Question {
  const { sentence, words, focus, objects } = askedOf(problem)
  const many =
    HOW_MANY.exec(sentence)?.[1]
      .trim()
      .split(/\s+/)
      .filter((word, i) => i > 0 || !/^(?:more|less|fewer|other|different|total|additional|of)$/i.test(word)) ?? []
  const conditions = new Map<string, Set<string>>()
  for (const [, number, ordinal, noun] of matchesOf(sentence, NUMBERED)) {
    const [stem] = stems(noun)
    if (stem === undefined) continue
    const key = ordinal === undefined ? stem : `#${stem}`
    conditions.set(key, (conditions.get(key) ?? new Set()).add(number))
  }
  for (const [, noun] of matchesOf(sentence, EACH))
    for (const stem of stems(noun)) if (!conditions.has(stem)) conditions.set(stem, new Set(['1']))
  const unit = unitOf(sentence, many)
  return {
    sentence,
    words,
    thing: focus,
    ...(unit !== undefined && { unit }),
    ...(unit === undefined && many.length > 0 && { counted: countedNoun(many) }),
    names: new Set(
      matchesOf(sentence, NAME)
        .map(([name]) => name)
        .filter((name) => !NO_NAME.test(name)),
    ),
    objects,
    conditions,
    degrees: degreesOf(sentence),
    deeds: deedsOf(sentence),
    of: matchesOf(sentence, OF)
      .filter(([, noun]) => stems(noun).some((word) => focus.has(word)))
      .flatMap(([, , whose]) => stems(whose))[0],
    called: /\b(?:what (?:is|was)|find|determine) (?:the|this|that|his|her|my) (?:\w+ )?(number|value|integer|fraction)[?.]/i
      .exec(sentence)?.[1]
      .toLowerCase(),
    letter: /\b(?:what is|find|(?:value|solve)s? (?:of|for)|determine) (?:the value of )?\$?([a-z])\$?(?=[?.,\s]|$)(?! [a-z]{2,} )/i.exec(
      sentence,
    )?.[1],
    supposes: /\b(?:would|could|might|if|suppose|assume)\b/i.test(sentence),
    compares:
      /\b(?:more|less|fewer|difference|than|slower|faster|older|younger|taller|shorter|wider|heavier|lighter|cheaper|warmer|colder|longer|higher|lower)\b/i.test(
        sentence,
      ),
    timed:
      /\b(?:in|after|within) (?:an?|the|\d+|[a-z]+) (?:\w+ )?(?:years?|days?|weeks?|months?|hours?|minutes?)\b|\b(?:from now|later|ago|will)\b/i.test(
        sentence,
      ),
    rounds: /\b(?:round\w*|nearest|approximat\w*|about|roughly|estimate|decimals?|whole|places?)\b/i.test(problem.slice(-4000)),
  }
}

/** What ends the noun phrase behind "how many". */
const BEHIND =
  /^(?:is|are|was|were|do|does|did|can|could|will|would|should|must|has|have|had|in|of|on|for|to|at|with|from|there|remain|be|altogether|total|left|more|less|old|long|tall|wide|high|deep|away|apart|did|that|who|which|per|by|he|she|they|we|you|it|the)$/i

function unitOf(sentence: string, many: readonly string[]): string | undefined {
  const end = many.findIndex((word) => BEHIND.test(word))
  const phrase = many.slice(0, end < 0 ? undefined : end)
  // "how many minutes pass"
  const verb = phrase.length > 1 && phrase[0].endsWith('s') && isMeasure(phrase[0]) && !isMeasure(phrase.at(-1)!)
  const last = verb ? phrase[0] : phrase.at(-1)
  if (last !== undefined && isMeasure(last)) {
    const per = /\bhow many [\p{L}\s]{1,40}? per ([a-z]{2,12})\b/iu.exec(sentence)?.[1]
    const cubed = !verb && phrase.length > 1 && /^(?:square|cubic)$/i.test(phrase.at(-2)!) ? `${phrase.at(-2)} ` : ''
    return per === undefined ? cubed + last : `${cubed}${last} per ${per}`
  }
  if (many.length > 0) return undefined
  const named = matchesOf(sentence, IN_UNIT)
    .map(([, unit]) => unit)
    .findLast((unit) => isMeasure(unit))
  if (named !== undefined) return named
  if (HOW_MUCH.test(sentence)) return 'dollars'
  if (/\bhow old\b/i.test(sentence)) return 'years'
  return /\b(?:what|how many) (?:percent|percentage)\b|\bin percent\b/i.test(sentence) ? 'percent' : undefined
}

function countedNoun(many: readonly string[]): string[] {
  const end = many.findIndex((word) => BEHIND.test(word))
  return many.slice(0, end < 0 ? undefined : end).flatMap(stems)
}
