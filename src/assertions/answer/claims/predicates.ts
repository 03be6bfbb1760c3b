/** What stands behind the last verb or = of a sentence: a value, the values of a letter, a ratio, a list, points, a relation. */

import { matchesOf, upTo } from '../reading/matches.ts'
import { numberInWords } from '../reading/words.ts'
import { isAnswer } from './formulas.ts'
import { type Found, resultAt } from './numbers.ts'
import { trimEnd } from './sentences.ts'
import { deniesItself } from './status.ts'

/** What ends the answer inside its sentence. */
export const SENTENCE_END =
  /[.?](?=\s|$)|!(?=\s|$)(?!(?<=\d!{1,2})\s[a-z])|,? but |,? because |,? since |,? which |,? where [A-Za-z] (?:is|denotes)\b|; |, (?:attained|achieved|reached|taken|occurring) (?:at|when|for|by)\b|, (?:so|not|it|as|(?:or )?(?:about|approximately|roughly|around|nearly)|or (?:exactly|equivalently)|i\.e|e\.g|half|twice|double|triple|(?:two|three|four|five|six|ten|\d{1,3}) times (?:as|what|that|the)|(?:exactly |just |only |slightly |a (?:little|bit) |much |far )?(?:(?:[$€£\ue000]?\d[\d.,]{0,12}|one|two|three|four|five|six|ten) (?:[a-z]{1,12} )?)?(?:more|less|fewer) than|and (?:we|the|I))[ .]|[,\s]*\(not | i\.e\./

export const TAKEN_BACK = /\b(?:is|are|was) (?:wrong|incorrect|false|not)\b/i

const COPULAS = [
  ' is ',
  ' are ',
  ' equals ',
  "'s ",
  '’s ',
  '=',
  ': ',
  ' get ',
  ' gives ',
  ' obtain ',
  ' be ',
  ' leaves ',
  ' end up with ',
  ' arrive at ',
]

/** "by x = 7 as well as by x = 3": the values of one letter. */
export const ROOTS =
  /(?<!\w)([a-z])(?:\s?=\s?| is | equals )([^\s,;]{1,30})(?:, \1(?:\s?=\s?| is | equals )[^\s,;]{1,30}){0,8}(?:,? (?:and|or|as well as)(?: (?:likewise|also|else|by|for|at|when)){0,2} \1(?:\s?=\s?| is | equals )[^\s,;]{1,30})(?!.{0,300}\b\1\s?=)/i

/** "AB : BC = 4 : 3", "the ratio is 5 : 2" */
const RATIO =
  /(?:[A-Za-z]{1,3}\s?:\s?[A-Za-z]{1,3}\s?=|\bratio(?:\s[^\d.:]{1,40})?\s(?:is|equals|=))\s?(\d[\d.]{0,9}(?:\s?:\s?\d[\d.]{0,9}){1,3})\.?$/

/** "the ratio of girls to boys is 3 to 2" */
const RATIO_SPOKEN = /\bratio\b(?:\s[^\d.:]{1,60}?)?\s(?:is|of|equals|was|be)\s(\d[\d.]{0,9}) to (\d[\d.]{0,9}?)\.?$/i

/** "the 22nd term of the sequence" answers which one. */
const PLACE =
  /^the (\d{1,9})(?:st|nd|rd|th) (?:term|number|place|position|element|digit|row|column|day|month|year|century|person|student|house|floor)(?: (?:of|in) (?:the|this) [a-z]{1,12})?$/i

/** The 22 of "The 22nd term." */
export function placeNamed(text: string): Found | undefined {
  const place = PLACE.exec(trimEnd(text).trim())
  return place ? { text: place[1], at: text.indexOf(place[1]) } : undefined
}

/** "The curves meet at (0, 0) and (1, 1)." */
const POINTS = /(?:\([-−]?[\w./]{1,12}, ?[-−]?[\w./]{1,12}\)(?:,? and |, )){1,12}\([-−]?[\w./]{1,12}, ?[-−]?[\w./]{1,12}\)$/

/** "They intersect at the point (2, 3)." */
const AT_POINT =
  /(?<!\b(?:of|from|through|above|below|beside|near|outside|towards?|than) (?:the )?)\b(?:points?|at|coordinates|vertex|cent(?:re|er)|midpoint) (\([-−]?[\w./]{1,12}(?:, ?[-−]?[\w./]{1,12}){1,2}\))$/

/** "the probability is three out of eight", "the chances are one in four" */
const CHANCE =
  /\b(?:probability|chances?|odds|likelihood)\b[^.;]{0,60}?\s(?:is|are|equals)\s([a-z-]{3,12}|\d{1,4}) (?:in|out of) ([a-z-]{3,14}|\d{1,6})$/i

/** "7.28 m, which rounds to 7.3 m" */
const ROUNDED =
  /\b(?:rounds?|rounded|rounding|simplif(?:y|ies)|reduces?)(?: up| down| off)? to (?:about |approximately )?([-−$€£\ue000]?\d[^,;()]{0,30})$/i

/** A form that says more than the value behind its last verb. */
function formIn(text: string): Found | undefined {
  const points = POINTS.exec(text)
  if (points && isAnswer(points[0])) return { text: points[0], at: points.index }
  const point = AT_POINT.exec(text)
  if (point && isAnswer(point[1])) return { text: point[1], at: text.length - point[1].length }
  const roots = rootsIn(text)
  if (roots) return roots
  const chance = CHANCE.exec(text)
  const odds = chance && [chance[1], chance[2]].map((word) => numberInWords(word) ?? (/^\d+$/.test(word) ? BigInt(word) : undefined))
  if (odds?.every((one) => one !== undefined)) return { text: `${odds[0]}/${odds[1]}`, at: chance!.index }
  const rounded = ROUNDED.exec(text)
  if (rounded && isAnswer(rounded[1])) return { text: rounded[1], at: text.length - rounded[1].length }
  const spoken = RATIO_SPOKEN.exec(text)
  if (spoken) return { text: `${spoken[1]}:${spoken[2]}`, at: spoken.index + spoken[0].length - spoken[1].length - spoken[2].length }
  const ratio = RATIO.exec(text)
  return ratio ? { text: ratio[1], at: text.length - ratio[0].length } : undefined
}

export function rootsIn(text: string): Found | undefined {
  const roots = ROOTS.exec(text)
  if (roots) {
    const values = matchesOf(roots[0], /(?:=|\sis|\sequals)\s?([^\s,;]{1,30})/g).map(([, value]) => `${roots[1]} = ${trimEnd(value)}`)
    const said = values.join(' or ')
    if (isAnswer(said) && !deniesItself(text.slice(roots.index))) return { text: said, at: roots.index }
  }
  return undefined
}

/** "it's 5" says 5, and "Ana's ten" does not. */
const CONTRACTED = /\b(?:it|that|there|here|what|who|he|she|this|which|answer|result|total|sum|value|one)$/i

/** "so 15q = 75 and he has 5 quarters": a step, and what it says. */
const SAYS_MORE = /^[-−]?[$€£]?[\d.,/]{1,20}(?: [a-z]{1,12})? and (?:he|she|it|they|there|we)\b[^=]*\d[^=]*$/i
/** "2c = 16 and c = 8": a step, and the letter alone. */
const STEP_TO = /^[^=,]{0,40}\d\s?[a-z]\b[^=,]{0,40}=[^=,]{1,40}?,? and ([a-z]\s?=\s?[^\s=]{1,30})$/

/** "5 feet and 8 inches tall" */
const DIMENSION = /(?<=\d(?: [a-z]{1,12})(?:,? (?:and )?\d{1,4} [a-z]{1,12})?) (?:tall|long|wide|high|deep|thick)$/i

/** "at x = 2, y = -3" */
const POINTED = /^(?:at|when|where) (?=[a-z]\s?=)/

/** "3x² by the power rule", "2x + 1 using the chain rule" */
const REASON = / (?:by|using|via|from|due to|thanks to|according to) (?:the |an? |our |its )?(?![\d-])[a-z][^=\d]*$/i

/** X of the last "is X" or "= X", where X is an answer; the result of a calculation. */
export function copula(sentence: string): Found | undefined {
  const text = sentence.slice(-1000)
  const shift = sentence.length - text.length
  const whole = formIn(trimEnd(text)) ?? listBehind(text)
  if (whole) return { ...whole, at: whole.at + shift }
  const found = COPULAS.map((word) => ({ word, at: text.lastIndexOf(word) })).filter(({ at }) => at >= 0)
  for (const { word, at } of found.sort((a, b) => b.at - a.at)) {
    if (word === '=' && /[<>!]$/.test(text.slice(0, at))) continue
    if (/s $/.test(word) && /^['’]/.test(word) && !CONTRACTED.test(text.slice(0, at))) continue
    const rest = trimEnd(text.slice(at + word.length))
      .replace(POINTED, '')
      .replace(DIMENSION, '')
    if (word === '=' && SAYS_MORE.test(rest)) continue
    const placedAt = shift + at + word.length
    if (word === '=' && /^[a-z]$/i.test(rest)) {
      const value = trimEnd(text.slice(0, at).slice(text.slice(0, at).trimEnd().lastIndexOf(' ') + 1))
      if (/\d/.test(value) && isAnswer(value)) return { text: value, at: shift }
    }
    const start = trimEnd(upTo(rest, SENTENCE_END))
    const relation = trimEnd(upTo(text.slice(at + word.length), / is | as /))
    const place = PLACE.exec(rest)
    if (place) return { text: place[1], at: placedAt }
    const named = APPOSITION.exec(rest)
    if (named && isAnswer(named[1] ?? named[2])) return { text: named[1] ?? named[2], at: placedAt }
    const reasoned = word === '=' || word === ' is ' ? trimEnd(upTo(rest, REASON)) : ''
    for (const said of [rest, start, relation, reasoned, trimEnd(upTo(rest, / \((?=[^()]{1,40}\)[.]?$)/))])
      if (said !== '' && isAnswer(said)) return { text: said, at: placedAt }
    const result = word === '=' && !TAKEN_BACK.test(text) ? resultAt(text, at) : undefined
    if (result !== undefined) return { text: result, at: placedAt }
  }
  return relationIn(text, shift)
}

/** "form the open interval (1, 5)", "meet in the point (2, 3)" */
const CALLED =
  /\b(?:is|are|be|forms?|fills?|makes? up|gives?|gets?|got|obtain|have|has|yields?|equals?|lies? in|describes?|meet (?:at|in)|intersect (?:at|in)) (?:exactly |just |precisely )?(?:the|an?) (?:(?:open|closed|half-open|bounded|whole|single|ordered|following) )?(?:interval|segment|point|pair|triple|set|range|vector) ([([{].{1,60}[)\]}])[.\s]{0,4}$/i

/** A value in brackets behind what it is called. */
export function calledValue(sentence: string): Found | undefined {
  const end = sentence.slice(-200)
  const said = CALLED.exec(end)
  if (!said || !isAnswer(said[1]) || /\b(?:not|never)\b|n['’]t\b/i.test(said[0])) return undefined
  return { text: said[1], at: sentence.length - end.length + end.lastIndexOf(said[1]) }
}

/** "equals the 4th digit of the period, 8" */
const APPOSITION =
  /^(?:the|its|his|her|their|an?) [a-z][^,;\d]{0,60}(?:\d{1,4}(?:st|nd|rd|th) [^,;\d]{1,60})?, ([-−$€£]?\d[\d.,/]*)$|^the \d{1,4}(?:st|nd|rd|th) [^,;\d]{1,60}, ([-−$€£]?\d[\d.,/]*)$/i

/** The 17 of "the 7th prime, 17". */
export function appositionIn(text: string): string | undefined {
  const named = APPOSITION.exec(text)
  const value = named?.[1] ?? named?.[2]
  return value !== undefined && isAnswer(value) ? value : undefined
}

/** Several values behind one verb: "the solutions are y = 1 and y = -6". */
function listBehind(text: string): Found | undefined {
  const verb = matchesOf(
    text,
    /(?:^|\s)(?:is|are|get|gives|equals?|obtain|so|thus|hence|therefore|has|have|be|(?:solutions|roots|zeros|values)(?=[,:])),?:?\s(?:either\s|both\s)?(?=[^.]{0,200}(?:\s(?:and|or)|,)\s)/gi,
  )
  for (const { index, 0: word } of verb.slice(-3).reverse()) {
    const rest = trimEnd(text.slice(index + word.length)).replace(POINTED, '')
    const alone = STEP_TO.exec(rest)?.[1]
    if (alone !== undefined && isAnswer(alone)) return { text: alone, at: index + word.length + rest.length - alone.length }
    if (/[=\d]\S{0,40}(?:\s(?:and|or)|,)\s\S/.test(rest) && isAnswer(rest)) return { text: rest, at: index + word.length }
  }
  return undefined
}

/** "all x with 3 < x and x < 8" */
const BOTH =
  /(?:^|\s)((?:-?[\d./]{1,12} ?[<≤]=? ?[a-z]|[a-z] ?[<>≤≥]=? ?-?[\d./]{1,12}) and (?:-?[\d./]{1,12} ?[<≤]=? ?[a-z]|[a-z] ?[<>≤≥]=? ?-?[\d./]{1,12}?))[.\s]{0,4}$/

/** "We find that x < 3" or "Thus x <= 2 is our answer". */
function relationIn(text: string, shift: number): Found | undefined {
  const both = BOTH.exec(text)
  if (both && isAnswer(both[1])) return { text: both[1], at: shift + both.index + both[0].indexOf(both[1]) }
  const match =
    /(?:^|\s)[*(]{0,3}((?:\|[a-z]\||[a-zA-Z]\w{0,5})\s{0,3}(?:<=?|>=?|=|[≠≤≥]|\\[lg](?:eq?|t)\b|\\neq?\b)\s{0,3}[^\s]{0,59}[^\s.,;:*](?:\sand\s[a-zA-Z]\w{0,3}\s{0,3}(?:<=?|>=?)\s{0,3}[^\s]{1,60})?)(?=[.,;:*]{0,3}(?:\s|$))(?!\s{1,3}[-+*/=])/.exec(
      text,
    )
  return match && isAnswer(match[1]) ? { text: match[1], at: shift + match.index } : undefined
}
