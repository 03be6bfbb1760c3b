/** Numbers in sentences: which one a sentence states, and which ones only say of what, for what or by when. */

/** A number with its sign, separators, percent sign or denominator; a time of day. */
const NUMBER = /(?<![\w.])[-−]?(?:\d{1,2}:\d{2}(?!\d)|(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:\s?\\?%)?(?:\/\d+)?)/g
/** What is beyond this many characters before the end is not searched. */
const SEARCHED = 2000

const REASON =
  /,? \(?(?:because|since|given that|if|when|while|unless|although|whereas|as there|as this|as it|as that|which is (?:the|an?|how|what|why))\s/i
/** The last preposition before a number, and the words between. */
const PREPOSITION =
  /^(?:.*[^\p{L}])?(for|in|of|to|than|with|from|by|at|on|per|after|before|within|among|over|under|between|every|each|during|until|into|through|out)((?:\s+[\p{L}'’-]+){0,5})\s*[$€£]?\s*$/isu
const FINITE =
  /\b(?:is|are|was|were|has|had|have|will|would|can|could|must|should|needs?|gets?|makes|takes|earns|costs|spends|pays|sells|buys|saves|leaves|gives|equals|becomes|weighs|travels|eats|uses|got|made|took|earned|spent|paid|sold|bought|saved|left|gave)\b/i
/** "there are 7", "a total of 7". */
const EXISTS =
  /\bthere\s+(?:are|is|were|was|will be|would be|must be|can be|have been|remain)\s+(?:(?:exactly|only|still|now|thus|then|therefore|a total of|in total|just|indeed)\s+){0,2}[$€£]?$/i
/** Where "with 7" and "up to 7" are the statement itself. */
const STATING = /\b(?:left|up|remains?|ends?) with\s*[$€£]?$|\b(?:adds?|added|adding|sums?|comes?|came) up to\s*[$€£]?$/i
const COORDINATED = /^\s*[\p{L}'’-]*(?:\s+[\p{L}'’-]+)?,?\s+(?:and|or)\s+$/iu

const CONCLUSION = /, (?:which means|this means|meaning|so|thus|hence|therefore|giving|leaving)(?: that)?\s/gi

/** The statement of a sentence: what it concludes, without the reason or condition behind it, where a number stands in that. */
export function statement(whole: string): string {
  const last = [...whole.matchAll(CONCLUSION)].at(-1)
  const concluded = last ? whole.slice(last.index + last[0].length) : ''
  const sentence = /\d/.test(concluded) ? concluded : whole
  const reason = REASON.exec(sentence)
  return reason && /\d/.test(sentence.slice(0, reason.index)) ? sentence.slice(0, reason.index) : sentence
}

/**
 * The number that a sentence states: of "there are 7 ways to choose 3 items" the 7, of "she earns 100 in 5 days" the
 * 100. The last one of the last clause that has any and that no preposition governs; else its last number.
 */
export function statedNumber(text: string): string | undefined {
  const clause = lastClause(statement(text.slice(-SEARCHED)))
  let stated: string | undefined
  let last: string | undefined
  let oblique = false
  let end = 0
  for (const match of clause.matchAll(NUMBER)) {
    const before = clause.slice(end, match.index)
    const said = match[0]
    if (EXISTS.test(before.slice(-80))) return said
    if (last === undefined || !COORDINATED.test(before)) oblique = isOblique(before.slice(-120), last !== undefined)
    if (!oblique) stated = said
    last = said
    end = match.index + said.length
  }
  return stated ?? last
}

/** The number behind the = at `at` where a calculation stands before it: the 77 of "she gets 11 * 7 = 77 pails". */
export function resultAt(text: string, at: number): string | undefined {
  if (!/[\d)%](?:\s?[a-z]{1,20}){0,3}\s*$/i.test(text.slice(Math.max(0, at - 80), at))) return undefined
  const behind = /^\s*[$€£]?\s*/.exec(text.slice(at + 1))!
  const from = at + 1 + behind[0].length
  const number = text
    .slice(from, from + 80)
    .matchAll(NUMBER)
    .next().value
  return number?.index === 0 && !/^\s*[-+*/^=]/.test(text.slice(from + number[0].length)) ? number[0] : undefined
}

/** The last part between commas, semicolons or "so" that holds a number. */
function lastClause(sentence: string): string {
  const clauses = sentence.split(/[,;:]\s|\s(?:so|thus|therefore|hence)\s/i)
  return clauses.findLast((clause) => /\d/.test(clause)) ?? sentence
}

/** Whether what stands before a number makes it a mere circumstance. `second`: another number stands before that. */
function isOblique(before: string, second: boolean): boolean {
  // 2 $10 bills
  if (second && /^\s*[$€£]?$/.test(before)) return true
  const found = PREPOSITION.exec(before)
  if (!found || FINITE.test(found[2]) || STATING.test(before)) return false
  const direct = found[2] === ''
  const preposition = found[1].toLowerCase()
  // "a profit of 5" and "it comes to 5" are statements, "3 of 5" and "from 3 to 5" are not.
  if (direct && preposition === 'of')
    return second ? /^\s*(?:out\s+)?of\s*$/i.test(before) : /\b(?:out|one|half|each|rest)\s+of\s*$/i.test(before)
  if (direct && preposition === 'to') return /\bup to\s*$/i.test(before)
  return !(direct && preposition === 'for' && /[$€£]\s*$/.test(before))
}
