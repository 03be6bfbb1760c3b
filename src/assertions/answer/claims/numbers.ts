/** Numbers in sentences: which one a sentence states, and which ones only say of what, for what or by when. */

import { CHANGED } from '../reading/changed.ts'
import { matchesOf } from '../reading/matches.ts'
import { isMeasure } from '../units/units.ts'
import { quantityEnd } from './extent.ts'
import { isAnswer } from './formulas.ts'
import { isOfAnother, isOfSeveral, isOperated } from './operations.ts'

/** A number with its sign, separators, percent sign or denominator; a time of day. */
const NUMBER =
  /(?<![\w.])[-−]?(?:\d{1,2}:\d{2}(?!\d)|\d{1,4} \d{1,3}\/\d{1,3}(?![\d/])|(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:\s?\\?%|\sper ?cent\b)?(?:\/\d+)?)/g
/** What is beyond this many characters before the end is not searched. */
const SEARCHED = 2000
/** Nor are more numbers of a sentence than these, its last ones. */
const NUMBERS = 40

const REASON =
  /(?<!\band),? \(?(?:because|since|given that|if|when|while|unless|although|whereas|as there|as this|as it|as that|which is (?:the|an?|how|what|why|(?:\w+ ){0,3}(?:than|times|of)))\s/i
/** The last preposition before a number, and the words between. */
const PREPOSITION =
  /^(?:.*[^\p{L}])?(for|in|of|to|than|with|from|by|at|on|per|after|before|within|among|over|under|between|every|each|during|until|into|through|out|towards?|against|without|across|beyond|behind|despite|via|versus|since|throughout|including|excluding|above|below)((?:\s+[\p{L}'’-]+){0,5})\s*[$€£]?\s*$/isu
const FINITE =
  /\b(?:is|are|was|were|has|had|have|will|would|can|could|must|should|needs?|gets?|makes|takes|earns|costs|spends|pays|sells|buys|saves|leaves|gives|equals|becomes|weighs|travels|eats|uses|got|made|took|earned|spent|paid|sold|bought|saved|left|gave|keeps|kept|owes|owed|holds|reads|drives|walks|runs|remains|collects|receives|wins|loses|puts|brings|adds|totals|yields)\b/i
/** A verb of several, behind what a preposition governs. */
const PLURAL =
  /\s\p{L}+\s(?:earn|cost|make|take|pay|weigh|give|leave|need|hold|get|cover|bring|yield|buy|eat|contain|produce|equal|have|last)\b/iu
/** More verbs, of which the first number behind may be the statement: "she came in 9th". */
const MOVED = /\b(?:came|comes|went|goes|ran|met|meets?|ends?|\w{3,}ed)\b/i
const WAYS = /^ (?:\w+ )?ways?\b/i
const DEFINITE = /\b(?:the|these|those|all)\s[$€£\ue000]?$/i
/** "8 seconds behind the winner" */
const COMPARED = /^(?: [a-z]+)? (?:behind|ahead of|above|below|short of) (?:the|his|her|its|their|[A-Z])/
/** "That leaves her 5 tickets short of the 12": there it is what the sentence says. */
const PREDICATED =
  /(?:\b(?:is|are|was|were|leaves?|left|puts?|makes?|brings?|keeps?|finish\w*|ends? up|falls?|fell|remains?|stays?)|['’](?:s|re))\s(?:(?:him|her|it|them|us|me|you|[A-Z][a-z]+)\s)?(?:still |now |exactly |only |just )?[$€£\ue000]?$/
/** "8 of her 20 cards" */
const PART_OF = /^(?:\s[a-z]+)?\s(?:out )?of (?:the|his|her|its|their|our|my|your|all|these|those)\s(?:[a-z]+\s)?[$€£\ue000]?$/i
/** "15 flats at 250 francs each cost 3750": behind its noun "each" belongs to the number before, and a verb follows. */
const DISTRIBUTED =
  /^\s?(?:\p{L}+\s){1,2}(?:each|apiece)\s(?!(?:for|from|in|on|at|of|to|with|by|per|than|over|after|before|and|or|but|plus|minus|times|day|night|week|month|year|hour|minute|second|time|side|row|one|other|the)\b)\p{L}{2,12}\s(?:up to |exactly |a total of |about )?[$€£\ue000]?$/u
const CONJUNCTION = /^(?:before|after|until|since)$/i
/** "needs to sell 35" */
const MODAL =
  /\b(?:needs?|has|have|had|used|wants?|wanted|able|going|takes?|required|manage[sd]?|must|expects?) to (?:\p{L}+\s){1,2}[$€£\ue000]?$/iu
/** "there are 7", "a total of 7". */
const EXISTS =
  /\bthere\s+(?:are|is|were|was|will be|would be|must be|can be|have been|remain)\s+(?:(?:exactly|only|still|now|thus|then|therefore|a total of|in total|just|indeed)\s+){0,2}[$€£]?$/i
/** Where "with 7" and "up to 7" are the statement itself. */
const STATING =
  /\bcalls? for\s$|\b(?:left|up|remains?|ends?) with\s*[$€£]?$|\bwith (?:a |the )?probability (?:of )?$|\b(?:(?:adds?|added|adding|sums?|comes?|came) up to|stands? for)\s*[$€£]?$/i
/** "at a price of 40", "in a class of 30": the noun before the number is governed itself. */
const GOVERNED =
  /\b(?:at|in|with|from|on|by|within|among|over|under|between|during|until|into|through|towards?|against|without|out of|for|to|of|than|above|below|before|after|including|excluding|plus|minus|to \p{L}+)\s(?:an?|the|his|her|its|their|our|each|every|this|that)\s(?:\p{L}+\s){1,3}of\s*[$€£\ue000]?\s*$|\b(?:in|by|into|with|from|at|using)\s(?:\p{L}+\s)?\p{L}+s\sof\s*[$€£\ue000]?\s*$/iu
const COORDINATED = /^\s*[\p{L}'’-]*(?:\s+[\p{L}'’-]+)?,?\s+(?:and|or)\s+$/iu

const CONCLUSION =
  /, (?:(?:and )?(?:which|this|that) (?:means|leaves|gives|makes|yields|puts|brings|takes (?:us|it|him|her|them))|meaning|so|thus|hence|therefore|and (?:so|thus|hence|therefore)(?=\s[^$\\]{0,400}$)|giving|leaving)(?: that)?\s|:\s(?=\d[\d.,]*\s\p{L}+\s(?:are|is|were|was|must))/giu

/** "her twice as old as her 7-year-old brother" states no value. */
const TWICE_AS = /^(?:him|her|it|them|this|that|\w+) (?:twice|three times|half|\w+ times)? ?(?:as|more|less)\b/i
/** "her speed was sixty miles per hour" */
const SPELLED_RESULT =
  /^[^\d$\\]{0,80}\b(?:is|are|was|were|has|have|needs?|gets?|takes?|equals|there (?:are|is))\s(?:\w+ )?(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w{3,6}teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty)\b[^\d$\\]*$/i

/** The statement of a sentence: what it concludes, without the reason or condition behind it, where a number stands in that. */
export function statement(whole: string): string {
  const last = matchesOf(whole, CONCLUSION).at(-1)
  const concluded = last ? whole.slice(last.index + last[0].length) : ''
  const sentence = (/\d/.test(concluded) && !TWICE_AS.test(concluded)) || SPELLED_RESULT.test(concluded) ? concluded : whole
  const reason = REASON.exec(sentence)
  return reason && /\d/.test(sentence.slice(0, reason.index)) ? sentence.slice(0, reason.index) : sentence
}

/** What makes another thing of the number before it: "8 times the first", "5 squared", "40 or more", "8 less than that". */
const OPERATES = new RegExp(
  String.raw`^\s?(?:${CHANGED}|times (?:as|the|that|more|less|what|this|his|her|its|their|larger|bigger|greater|smaller|\d)|(?:squared|cubed|factorial|plus|minus|choose|mod)\b|(?:divided|multiplied) by|raised to|to the (?:power|\w{3,8} power)|(?:more|greater) than (?:an?|twice|half|three|four) \w|(?:less|fewer) than\b|(?:\s?[a-z]{1,12} )?(?:more|greater|larger|bigger|higher|older|longer) than [$€£\ue000]?\d|\\?%? (?:of|off) (?:[$€£]?\d|(?:the|this|that|our) (?:answer|result|value|number|sum)\b)|percent (?:of|off) [$€£]?\d|(?:st|nd|rd|th) \w|(?:[a-z]{1,12} )?(?:or (?:more|less|fewer|larger|smaller|greater|higher|lower|bigger|longer|shorter|older|younger|later|earlier|above|below|beyond|over|under|up)\b|(?:and|or) up(?:wards?)?\b|at (?:the )?(?:very )?(?:least|most|minimum|maximum)(?=\s*(?:[.,;)*]|$)))|and a half|of (?:them|which|whom)\s(?=[a-z])(?!.*\b(?:is|are|was|were|has|have|can|will|do|did|work|play|like|live|pass|fit|remain|[a-z]{2,}ed)\b))`,
  'i',
)
const UNIT = /^\s?([a-z]{1,12})\b/i

/**
 * The number that a sentence states: of "there are 7 ways to choose 3 items" the 7, of "she earns 100 in 5 days" the
 * 100. The last one of the last clause that has any and that no preposition governs; else its last number. A number
 * inside an expression is that expression, or nothing where it is part of an operation. Of "7 boys and 8 girls" and "1 hour 20
 * minutes" no number is stated alone.
 */
export function statedNumber(text: string): Found | undefined {
  const whole = statement(text.slice(-SEARCHED))
  const shift = Math.max(0, text.length - SEARCHED)
  const clauses = clausesOf(whole)
  let incidental: Found | undefined
  for (const { clause, at } of clauses.toReversed()) {
    if (whole[at - 2] === ':' && GROUPS.test(clause)) continue
    const found = numberOfClause(clause)
    if (found && (!found.oblique || FINITE.test(clause) || MOVED.test(clause)) && (incidental === undefined || !found.oblique)) {
      return isOfAnother(whole.slice(0, at + found.at)) ? undefined : { ...found, at: shift + at + found.at }
    }
    // ", 3 pairs of trousers and 2 hats": only circumstances, with no verb of their own.
    if (found) incidental ??= { ...found, at: shift + at + found.at }
    // "45 in total, or 9 times 5": the remark states nothing of its own.
    else if (
      !/^\W{0,2}(?:or|which|that is|namely|being|i\.e\.|the (?:square|cube|product|sum|double|half|\w+ (?:power|root)) of|the \d+(?:st|nd|rd|th)|twice|half|double|(?:three|four|\d+) times|(?:an?|one|two|three|four|five) (?:half|thirds?|quarters?|fourths?|fifths?|sixths?|sevenths?|eighths?|ninths?|tenths?) of|\d+ ?(?:%|percent) of)\s/i.test(
        clause,
      )
    )
      break
  }
  return incidental
}

function numberOfClause(clause: string): Found | undefined {
  if (PARALLEL.test(clause) || GAPPED.test(clause)) return undefined
  let stated: Found | undefined
  let last: Found | undefined
  let oblique = false
  let end = 0
  let bare = 0
  let previous: { at: number } | undefined
  for (const match of matchesOf(clause, NUMBER).slice(-NUMBERS)) {
    if (match.index < end || isPointer(clause.slice(Math.max(0, match.index - 40), match.index))) continue
    const before = clause.slice(bare, match.index)
    const joined = previous !== undefined && (COORDINATED.test(before) || isMeasured(before))
    // "from 4 shirts, 3 trousers and 2 hats"
    if (!joined && !(oblique && LIST_GOES_ON.test(before)))
      oblique = isOblique(
        before.slice(-120),
        previous !== undefined,
        clause.slice(match.index + match[0].length, match.index + match[0].length + 40),
      )
    const behind = match.index + match[0].length
    const at = joined ? previous!.at : match.index
    const value = joined
      ? clause.slice(at, behind) + (UNIT.exec(clause.slice(behind))?.[0] ?? '')
      : wholeNumber(clause, match.index, behind)
    const found = value === undefined || (joined && isOfBoth(clause, at, behind)) ? undefined : { text: value, at }
    if (EXISTS.test(before.slice(-80)) && !/^\s\p{L}+\s(?:and|or)\s\d/u.test(clause.slice(behind))) return found
    // "33 are multiples of 3"
    if (!oblique && !(found === undefined && stated !== undefined && PROPERTY.test(before))) stated = found
    last = found
    previous = { at }
    bare = behind
    end = Math.max(behind, at + (value?.length ?? 0))
  }
  return stated ?? (last && { ...last, oblique: true })
}

/** "between 4 and 8", "the sum of 4 and 8": what they make together is not said. */
const isOfBoth = (clause: string, at: number, behind: number): boolean =>
  /\bbetween\s[$€£\ue000]?$/i.test(clause.slice(Math.max(0, at - 12), at)) || isOfSeveral(clause.slice(Math.max(0, at - 40), behind))

/** Blanks, and the letters of scripts that put none around numbers. */
const BOUNDARY = /[\s\u0900-\u0dff\u3000-\u9fff\uac00-\ud7af\uff00-\uff0f\uff1a]/
/** "$12/hour", "3 apples each": the number of a rate. */
const RATE = /^[$€£\ue000]?([\d.,]+)\/[a-z]{1,12}$/i
/** "Ann gets 4 and Ben gets 10": two statements and no answer. */
const PARALLEL = /\b(\w{3,12})\s[$€£]?\d[^.,;]{0,40}\sand\s[^.,;\d]{1,40}\b\1\s[$€£]?\d/i

/** "Its length is 14 and its width 6.": two statements with one verb. */
const GAPPED =
  /\b(?:is|are|was|were|has|have|had|gets|got|pays|costs|needs|earns|scored)\s[-−]?[$€£\ue000]?\d[\d.,/]*(?:\s[a-z]{1,12})?\sand\s(?:(?:its|the|his|her|their)\s(?!other|remaining|rest)[a-z]{3,15}|[A-Z][a-z]+(?:['’]s)?)\s[-−]?[$€£\ue000]?\d[\d.,/]*(?:\s[a-z]{1,12})?[.\s]*$/

/** ": 4 rows of 15": how the number before the colon comes about. */
const GROUPS = /^\d[\d.,]*(?:\s[a-z]{2,15}){1,2} (?:of|with|by) [$€£]?\d[\d.,]*(?:\s[a-z]{2,15}){0,2}[.\s]*$/i

/** What a sentence says, and where in it. */
export interface Found {
  text: string
  at: number
  /** A preposition governs it: it says when, of what or for what. */
  oblique?: true
}

/** "1 hour 20 minutes": a measure between two numbers. */
const isMeasured = (between: string): boolean => {
  const unit = /^\s?([a-z]{1,10}),?\s$/i.exec(between)?.[1]
  return unit !== undefined && isMeasure(unit)
}

/** "4! ways" */
const FACTORIAL = /^\d{1,3}!{1,2}\s[a-z]$/

/** How far an expression reaches to either side of a number. */
const EXPRESSION = 200

/** The number at `start`, or the expression that it is part of. Undefined: it is part of an operation. */
function wholeNumber(clause: string, start: number, end: number): string | undefined {
  if (isOperated(clause.slice(Math.max(0, start - 40), start)) && !STATING.test(clause.slice(Math.max(0, start - 40), start)))
    return undefined
  const sign = /\b(?:minus|negative)\s$/i.exec(clause.slice(Math.max(0, start - 12), start))
  if (sign) return /\d\s+minus\s$/i.test(clause.slice(Math.max(0, start - 20), start)) ? undefined : `-${clause.slice(start, end)}`
  const behind = clause.slice(end, end + 40)
  if (OPERATES.test(behind)) return undefined
  const quantity = quantityEnd(clause, start, end)
  // √13 m
  const rooted = /√\(?$/.test(clause.slice(Math.max(0, start - 2), start))
  if (quantity > end && !rooted)
    return (/[$€£\ue000]$/.exec(clause.slice(Math.max(0, start - 1), start))?.[0] ?? '') + clause.slice(start, quantity)
  let from = start
  let to = end
  while (from > 0 && start - from < EXPRESSION && !BOUNDARY.test(clause[from - 1])) from--
  while (to < clause.length && to - end < EXPRESSION && !BOUNDARY.test(clause[to])) to++
  // Operators and LaTeX beside it belong to the expression.
  for (let more = true; more && to - from < 2 * EXPRESSION; ) {
    const left = /(?:^|\s)(\S*[\\{}^]\S*|[-−–+*/×·÷])\s$/.exec(clause.slice(Math.max(0, from - 60), from))
    const operator =
      left && /^[-−–+*/×·÷]$/.test(left[1])
        ? (/(\S+)\s\S\s$/.exec(clause.slice(Math.max(0, from - 60), from))?.[0].length ?? 2)
        : (left?.[1].length ?? -1) + 1
    const right = /^\s(?:[-−–+*/×·÷=]\s\S+|\S*[\\{}^]\S*)/.exec(clause.slice(to, to + 60))
    if (left) from -= operator
    if (right) to += right[0].length
    more = left !== null || right !== null
  }
  const run = clause.slice(from, to).replace(/^[(*_"'“~≈:[]{1,4}/, '')
  const word = FACTORIAL.test(run + clause.slice(to, to + 2)) ? run : run.replace(/[.,;:!?)*_"'”\]]{1,6}$/, '')
  const number = clause.slice(start, end)
  if (word.replace(/^[-−]?[$€£\ue000]/, '') === number || word === number) return word
  if (RATE.exec(word)?.[1] === number) return number
  if (/^[$€£\ue000]?[\d.,]+[:)]/.test(word)) return undefined
  const closed = /[)\]}]$/.test(run) && isAnswer(run) ? run : word
  return isAnswer(closed) ? closed : undefined
}

/** The number behind the = at `at` where a calculation stands before it: the 77 of "she gets 11 * 7 = 77 pails". */
export function resultAt(text: string, at: number): string | undefined {
  if (!/[\d)%](?:\s?[a-z]{1,20}){0,3}\s*$/i.test(text.slice(Math.max(0, at - 80), at))) return undefined
  const behind = /^\s*[$€£]?\s*/.exec(text.slice(at + 1))!
  const from = at + 1 + behind[0].length
  const number = matchesOf(text.slice(from, from + 80), NUMBER).at(0)
  return number?.index === 0 && !/^\s*(?:[-−–+*/×·÷^=π√]|\\(?:times|cdot|div|pi|sqrt)\b)/.test(text.slice(from + number[0].length))
    ? number[0]
    : undefined
}

/** The parts between commas, semicolons or "so" that hold a number; "3 days, 4 hours" is one. */
function clausesOf(sentence: string): { clause: string; at: number }[] {
  const out: { clause: string; at: number }[] = []
  let at = 0
  let separator = ''
  for (const part of sentence.split(/([,;:]\s|\s(?:so|thus|therefore|hence)\s)/i)) {
    const last = out.at(-1)
    if (
      last &&
      separator === ', ' &&
      last.at + last.clause.length + 2 === at &&
      (isOneQuantity(last.clause, part) || (LISTED.test(part) && GOVERNED_LIST.test(last.clause)))
    )
      last.clause += `, ${part}`
    else if (/\d/.test(part)) out.push({ clause: part, at })
    at += part.length
    separator = part
  }
  return out
}

const LIST_GOES_ON = /^(?:\s[\p{L}'’-]+){1,4}(?:,|,? and)\s$/u
/** "by equation (3)", "see page 48": the number only says where something stands. */
const POINTS =
  /\b(?:equations?|eqs?\.?|theorems?|lemmas?|corollary|propositions?|figures?|fig\.|sections?|exercises?|appendix|step|problem|question|task)\s[([]?$|\b(?:see|turn to|cf\.|compare(?: with)?|found|given|stated|printed|listed|shown|lies?|stands?)\s(?:\w+\s)?(?:(?:on|in|at)\s)?(?:page|p\.|chapter|line|row|table|part|column|footnote|item|case)\s[([]?$/i
const isPointer = (before: string): boolean => POINTS.test(before.slice(-40))
/** What is said of a number that is counted: "are multiples of". */
const PROPERTY =
  /\b(?:is|are|was|were|be)\s(?:\w+\s)?(?:multiples? of|divisible by|(?:greater|less|more|larger|smaller|fewer) than|at (?:least|most)|above|below|over|under)\s[$€£]?$/i
/** "3 pairs of trousers and 2 hats" goes on with "from 4 shirts". */
const LISTED = /^(?:and )?\d[\d.,]*(?:\s[\p{L}'’-]+){1,4}(?:,? and \d[\d.,]*(?:\s[\p{L}'’-]+){1,4})?[.\s]*$/iu
const GOVERNED_LIST =
  /\b(?:from|with|of|for|in|by|using|between|among|on|into|than)\s(?:the\s|his\s|her\s|their\s)?\d[\d.,]*(?:\s[\p{L}'’-]+){1,4}$/iu

/** Whether a quantity goes on behind the comma. */
function isOneQuantity(left: string, right: string): boolean {
  const before = /\d{1,9}(?:\.\d{1,9})? ?[a-z]{1,10}$/i.exec(left)
  if (!before || !/^\d/.test(right)) return false
  return quantityEnd(`${left}, ${right}`, before.index, before.index + /^[\d.]+/.exec(before[0])![0].length) > left.length
}

/** Whether what stands before a number makes it a mere circumstance. `second`: another number stands before that. */
function isOblique(said: string, second: boolean, behind: string): boolean {
  const before = said.replace(/\b(?:in (?:the end|total|all|fact|short|sum)|at (?:last|first)),? /i, '')
  // 2 $10 bills
  if (second && /^\s*[$€£]?$/.test(before)) return true
  // "in 126 ways" answers how many, and "the 4 players" are known before.
  if (WAYS.test(behind) && /\bin\s$/i.test(before)) return false
  if (second && DEFINITE.test(before)) return true
  if (second && PART_OF.test(before)) return true
  if (COMPARED.test(behind))
    return !(PREDICATED.test(before) || (!second && /^\s?(?:him|her|it|them|us|me|you) [$€£\ue000]?$/.test(before)))
  if (second && DISTRIBUTED.test(before)) return false
  const found = PREPOSITION.exec(before)
  // "16 more weeks before he can afford the $400 bike": a clause of its own.
  if (found && second && CONJUNCTION.test(found[1]) && FINITE.test(found[2])) return true
  if (!found || FINITE.test(found[2]) || STATING.test(before)) return false
  if (found[1].toLowerCase() === 'to' && MODAL.test(before)) return false
  // "8 hours of work earn 64"
  if (found[1].toLowerCase() !== 'to' && PLURAL.test(found[2])) return false
  const direct = found[2] === ''
  const preposition = found[1].toLowerCase()
  // "a profit of 5" and "it comes to 5" are statements, "3 of 5" and "from 3 to 5" are not.
  if (
    direct &&
    preposition === 'of' &&
    second &&
    GOVERNED.test(before) &&
    !/(?<!\b(?:in|from|out of|among) an? )\btotal of\s*[$€£]?\s*$/i.test(before)
  )
    return true
  if (direct && preposition === 'of')
    return second ? /^\s*of\s*$|\bout\s+of\s*$/i.test(before) : /\b(?:out|one|half|each|rest)\s+of\s*$/i.test(before)
  if (direct && preposition === 'to') return /\bup to\s*$/i.test(before)
  return !(direct && preposition === 'for' && /[$€£]\s*$/.test(before))
}
