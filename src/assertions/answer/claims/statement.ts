/** What a sentence or an answer line states. */

import { numberInWords } from '../reading/words.ts'
import { isCaseDistinction, isImagined, isLimited, isOtherCase } from './cases.ts'
import { chosenLetter } from './choice.ts'
import { chosenIn, lastLetter } from './chosen.ts'
import { effectOf } from './corrections.ts'
import { isCutOff, isPlan, isStepBegun } from './cut-off.ts'
import { FORMULA, isAnswer, joinLines, lastMath, leadingFence, leadingMath } from './formulas.ts'
import { namedValues } from './named.ts'
import { type Found, resultAt, statedNumber, statement } from './numbers.ts'
import { isOfAnother, isOperated } from './operations.ts'
import { contrasted, firstLine, lastSentence, trimEnd, withoutAsides, withoutRate } from './sentences.ts'
import { deniesItself, type Status, statusBefore, statusBehind } from './status.ts'

/** Of the reference only its kind matters here: boxes are joined for a list, a letter or words count for a choice or a text. */
export interface Expected {
  kind: 'list' | 'choice' | 'text' | 'other'
  /** The reference holds an exclamation mark, so that one behind a number is more than joy. */
  factorial: boolean
  /** The reference is yes or no. */
  polar?: boolean
}

export interface Statement {
  text: string
  status: Status
  /** Where it was found. */
  where: string
}

/** What an answer line states. `direct`: the answer stands there and had not to be looked for. */
export interface Line {
  text: string
  status: Status
  direct: boolean
}

/** What ends the answer inside its sentence. */
const SENTENCE_END =
  /[.!?](?=\s|$)|,? but |,? because |,? since |,? which |; |, (?:so|not|it|as|or (?:about|approximately|exactly|equivalently)|i\.e|e\.g|half|one less|one more|and (?:we|the|I))[ .]|[,\s]*\(not | i\.e\./
/** What says the same once more. */
const APPOSITION = /,? \(?(?:i\.e\.|that is,|in other words|or equivalently)[ ,]/
/** What leaves the answer open, or makes another thing of it. */
const OPEN =
  /^(?:not|never|either|at (?:least|most)|no (?:more|less|fewer) than|(?:more|less|greater|fewer|larger|smaller|bigger|lower|higher) than|between|one of|neither|none of|unknown|cannot|I (?:can(?:not|'t)?|do|am)|we can(?:not|'t)?|excluding|except|other than|any|some|every(?:thing)?)\b/i
const UNCERTAIN = /^(?:perhaps|maybe|possibly|probably|likely|presumably|might|may|could|unclear|uncertain|unsure)\b/i
const TAKEN_BACK = /\b(?:is|are|was) (?:wrong|incorrect|false|not)\b/i

/** The answer right behind a marker: in a formula, in a code block, or on the rest of the line or the next one. */
export function answerBehind(rest: string, expected: Expected): Line | undefined {
  // "### Answer", "**56** cm²"; "> 1/6" on a line of its own is quoted and no relation.
  const plain = rest.replace(/^(\s{0,8}(?:\n\s{0,4}> )?)\*\*([^*\n]{1,200})\*\*/, '$1$2')
  const text = plain.replace(/^[\s*_]{0,40}\n\s{0,4}> /, '').replace(/^[\s*_]{0,40}/, '')
  if (/^(?:```|~~~)/.test(text)) {
    const inside = leadingFence(text)
    return inside === undefined || inside === '' ? undefined : answerBehind(inside, expected)
  }
  const math = leadingMath(text)
  if (math && !/^\s*[-+*/=<>^,]?\s*(?:\$|\\[([])/.test(text.slice(math.end, math.end + 6))) {
    const goesOn = /^\s*(?:,?\s*(?:and|or)\s|,\s*[-\d(])/.test(text.slice(math.end, math.end + 12))
    if (!goesOn) return { text: math.content, status: statusBehind(firstSentence(text.slice(math.end))), direct: true }
  }
  const line = firstLine(joinLines(text.slice(0, FORMULA)) + text.slice(FORMULA))
  return line === '' ? undefined : answerIn(line, expected)
}

const firstSentence = (text: string): string => firstLine(text).split(/[.!?]\s/)[0]

/** From the line that states the answer to the answer in it. */
function answerIn(line: string, expected: Expected): Line {
  const calm = expected.factorial || /\$\W*$/.test(line) ? line : line.replace(/(\d[\s*_]{0,4})!+[\s*_]{0,4}$/, '$1')
  const head = /[.!?]\s+(?=[A-Z][a-z])/.exec(calm)
  const first = head && isAnswer(trimEnd(calm.slice(0, head.index))) ? calm.slice(0, head.index) : calm
  const whole = trimEnd(first.split(APPOSITION)[0]) || trimEnd(calm)
  const own = trimEnd(calm.split(SENTENCE_END)[0])
  const behind = (text: string): Status => statusBehind(firstSentence(calm.slice(calm.indexOf(text) + text.length)))
  for (const text of expected.kind === 'choice' ? [whole, own, own.split(/, (?:an?|the) /)[0]] : []) {
    if (chosenLetter(text) !== undefined) return { text, status: behind(text), direct: true }
  }
  if (UNCERTAIN.test(whole)) return { text: whole, status: 'hedged', direct: true }
  if (TAKEN_BACK.test(own) && expected.kind !== 'text') return { text: whole, status: 'denied', direct: true }
  if (isAnswer(whole)) return { text: whole, status: 'stated', direct: true }
  if (isCaseDistinction(line) && expected.kind !== 'text') return { text: whole, status: 'conditional', direct: true }
  if (expected.kind === 'text') return { text: own || whole, status: behind(own || whole), direct: false }
  if (OPEN.test(whole))
    return {
      text: whole,
      status: /^(?:not|never|cannot)\b/i.test(whole) ? 'denied' : /^(?:either|one of|unknown|I |we )/i.test(whole) ? 'hedged' : 'operation',
      direct: true,
    }
  if (own !== '' && (isAnswer(own) || own.length <= 3)) return { text: own, status: behind(own), direct: true }
  const sentence = trimEnd(withoutAsides(own))
  if (sentence !== own && isAnswer(sentence)) return { text: sentence, status: 'stated', direct: true }
  const found = /(?:\$|\\[)\]])$/.test(sentence) ? lastMath(sentence) : undefined
  const text = found ?? copula(sentence)?.text ?? lastMath(sentence) ?? statedNumber(sentence)?.text
  return text === undefined
    ? { text: own || whole, status: /\d/.test(own) ? 'operation' : 'stated', direct: false }
    : {
        text,
        status:
          ([statusBefore(sentence.slice(0, sentence.indexOf(text))), behind(text)] as const).find((one) => one !== 'stated') ?? 'stated',
        direct: false,
      }
}

/** What takes the answer before it back, or leaves it open. */
const DOUBT = /\b(?:not|no|never|cannot|can't|don't|unsure|doubt|wrong|mistake|incorrect|however|but|give up|wait|check|actually|guess)\b/i

const COURTESY = /\b(?:hope|let me know|feel free|questions?|help|thank|happy to|clarif)/i

/** A text without closing paragraphs that hold no number, formula or capital letter alone: "Let me know if you have questions!" */
function withoutChatter(text: string, expected: Expected): string {
  let out = text.replace(/\s?\$?\\(?:blacksquare|square|Box|qed)\$?\s{0,4}\.?$/, '')
  for (let round = 0; round < 2; round++) {
    const start = out.lastIndexOf('\n\n')
    const last = start < 0 ? '' : out.slice(start)
    const rest = start < 0 ? '' : out.slice(0, start).trimEnd()
    const chatter =
      last.length <= 400 &&
      /[!?.]\s*$/.test(last) &&
      !/[\d$\\*=`|]|\b[A-Z]\b(?!')/.test(last.replaceAll('I', '')) &&
      !DOUBT.test(last) &&
      // Words may be the answer, courtesies are not.
      (expected.kind !== 'text' || COURTESY.test(last))
    if (!chatter || !/[\d$)\]*.]$/.test(rest) || !/[\d$]/.test(rest.slice(-200))) break
    out = rest
  }
  return out
}

/** "So it is 30. (At the left end it would be f(0) = 5.)" without the sentence in brackets, unless that takes the answer back. */
function withoutRemark(text: string): string {
  const remark = /(?<=[.!$])\s\((?=[A-Z])((?:[^()\n]|\([^()\n]{0,40}\)){1,300}[.!])\)$/.exec(text.slice(-400))
  if (!remark || DOUBT.test(remark[1]) || /\b(?:I|if|else|otherwise|unless|or)\b/i.test(remark[1]) || effectOf(remark[1]) !== 'nothing')
    return text
  return text.slice(0, text.length - remark[0].length)
}

/** What introduces a block that is no result. */
const UNSTATED =
  /\b(?:not|wrong|candidates?|possib\w+|options?|choices?|attempt|given?|gives us|question (?:is|gives|was|says)|problem (?:is|gives|was|says)|input|data|start|begin|original|initial|consider|suppose|if|were|try|test|check|plot|enter|run|example)\b/i

/** Values in a block of their own at the end, below a line that introduces them: in a code block, or one an item. */
function apart(text: string): Statement | undefined {
  const tail = text.slice(-FORMULA)
  const block = /(?:^|\n)([^\n]{0,300})\n\s{0,4}((?:```|~~~)[^`~]{1,600}(?:```|~~~))$/.exec(tail)
  const items = block ? null : /(?:^|\n)([^\n]{0,300}:)\n\s{0,4}((?:[-*•] [^\n=]{1,60}(?:\n|$)){2,40})$/.exec(tail)
  const said = block ? leadingFence(block[2]) : items?.[2].split('\n').map((item) => item.slice(2).trim())
  const intro = (block ?? items)?.[1].trim() ?? ''
  if (said === undefined || !/(?:\b(?:is|are|[a-z]{3,12})|:)[\s*]{0,4}$/i.test(intro)) return undefined
  const values = typeof said === 'string' ? [said] : said.filter((item) => item !== '')
  if (!values.every(isAnswer)) return undefined
  const status = UNSTATED.test(intro) ? 'denied' : statusBefore(lastSentence(intro))
  return { text: values.join(', '), status, where: block ? 'code block at the end' : 'list at the end' }
}

/** What the end of a text states: a formula or bold number of its own, or the last sentence. Undefined: it states nothing. */
export function lastStatement(text: string, expected: Expected): Statement | undefined {
  const trimmed = withoutRemark(withoutChatter(text.trimEnd(), expected))
  const set = apart(trimmed)
  if (set) return set
  const end = trimmed.slice(0, -FORMULA) + joinLines(trimmed.slice(-FORMULA))
  if (end.endsWith('?')) return undefined
  const block = /(?:\$\$|\\\])[.\s]{0,4}$/.test(end) || /\n\s*(?:\$|\\\))[.\s]{0,4}$/.test(end.slice(-40)) ? lastMath(end) : undefined
  if (block !== undefined) return { text: block.trim(), status: 'stated', where: 'formula at the end' }
  const line = end.slice(end.lastIndexOf('\n') + 1)
  const bold = /\*\*([^*\n]{1,200})\*\*([^*\d]{0,60})$/.exec(line.slice(-300))
  if (bold && /\d/.test(bold[1])) {
    const before = statusBefore(lastSentence(line.slice(-600, line.length - bold[0].length)))
    const said = answerIn(bold[1], { ...expected, kind: 'other' })
    const operated = isOperated(line.slice(0, line.length - bold[0].length)) ? 'operation' : 'stated'
    const status = ([before, said.status, statusBehind(bold[2]), operated] as const).find((one) => one !== 'stated') ?? 'stated'
    return { text: said.text, status, where: 'bold text at the end' }
  }
  const sentence = lastSentence(line)
  if (isCutOff(end) && !/[.。।]\s*$/.test(end)) return { text: sentence.trim(), status: 'cut off', where: 'last line' }
  // "The angle is 90 degrees. Now let"
  const started =
    expected.kind !== 'text' && sentence.trim() !== '' && sentence.length < line.length && /[a-z]$/i.test(end) && !/[\d$\\]/.test(sentence)
  if ((started && expected.kind !== 'choice') || isPlan(sentence) || isStepBegun(line))
    return { text: sentence.trim(), status: 'cut off', where: 'last line' }
  return standing(sentence, line, expected)
}

/** "twice that is 20" says 20. */
const unlessSaid = (before: string): string => (/\b(?:is|are|was|were|equals)\s*$|=\s*$/.test(before) ? '' : before)

/** What opens a formula. */
const OPENED = /(?:\$|\\[([])\s*$/

/** The last statement of a sentence that stands; if none does, the last one. */
function standing(whole: string, line: string, expected: Expected): Statement | undefined {
  let fallen: Statement | undefined
  const { said: sentence, open } = withoutRate(whole)
  const parts = contrasted(sentence)
  const cases = expected.kind !== 'text' && (isCaseDistinction(sentence.slice(0, FORMULA).replace(ROOTS, ' ')) || isOtherCase(sentence))
  for (const [i, part] of [...parts.entries()].reverse()) {
    const plain = withoutAsides(part)
    const found =
      valueIn(plain, expected) ??
      (parts.length === 1 && expected.kind !== 'text' ? numberIn(withoutAsides(line), 'last number') : undefined)
    if (!found) continue
    const letter = expected.kind === 'choice' || expected.kind === 'text'
    const behind = plain.slice(Math.max(found.at, plain.indexOf(found.text, found.at)) + found.text.length)
    const about = [
      statusBefore(plain.slice(0, found.at), letter),
      statusBehind(behind),
      statusBehind(parts.slice(i + 1).join(' ')),
      deniesItself(found.text) ? 'denied' : 'stated',
      isOperated(unlessSaid(plain.slice(0, found.at).replace(OPENED, ''))) || isOfAnother(plain.slice(0, found.at))
        ? 'operation'
        : 'stated',
      isImagined(plain.slice(0, found.at), found.text + behind) ? 'conditional' : 'stated',
      expected.kind !== 'text' && isLimited(plain.slice(0, found.at), found.text + behind) ? 'conditional' : 'stated',
    ] as const
    const status: Status = cases ? 'conditional' : open ? 'hedged' : (about.find((one) => one !== 'stated') ?? 'stated')
    const statement = { text: found.text, status, where: found.where }
    if (status === 'stated') return statement
    fallen ??= statement
  }
  return fallen
}

/** What comes before a word that a sentence states. */
const SAYS = / (?:is|are|was|were|(?:land|lands|falls|fall|arrive|arrives) (?:on|at)|back to) /g

type Placed = Found & { where: string }

const placed = (found: Found | undefined, where: string): Placed | undefined => found && { ...found, where }

/** The last formula, the chosen letter, the last "= X" or "is X", the last number: the first of these that is there. */
function valueIn(whole: string, expected: Expected): Placed | undefined {
  const named = expected.kind === 'list' ? namedValues(whole) : undefined
  if (named) return { ...named, where: 'last line' }
  const sentence = statement(whole)
  const shift = whole.indexOf(sentence)
  const math = lastMath(sentence)
  if (math !== undefined) {
    const at = Math.max(0, whole.lastIndexOf(math.trim()))
    // "From $x^2 - 16 = 0$ we get x = 4 or x = -4."
    const behind = at + math.trim().length
    const roots = rootsIn(whole.slice(behind))
    return roots ? { ...roots, at: behind + roots.at, where: 'last line' } : { text: math.trim(), at, where: 'formula at the end' }
  }
  const moved = (found: Placed | undefined): Placed | undefined => found && { ...found, at: found.at + shift }
  const letter = expected.kind === 'choice' || expected.kind === 'list' ? chosenIn(whole, expected.kind === 'list') : undefined
  if (letter) return { ...letter, where: 'choice in the last line' }
  if (expected.kind === 'text') {
    const at = Math.max(0, ...[...sentence.slice(-FORMULA).matchAll(SAYS)].map(({ index, 0: word }) => index + word.length))
    return moved({
      text: trimEnd(sentence.slice(-FORMULA).slice(at)).replace(/^[*_]{1,3}/, ''),
      at: Math.max(0, sentence.length - FORMULA) + at,
      where: 'last line',
    })
  }
  const said = placed(copula(sentence), 'last line')
  if (said) return moved(said)
  return moved(placed(lastLetter(sentence), 'last word') ?? numberIn(sentence, 'last number') ?? spelledIn(sentence))
}

const NUMERAL =
  '(?:zero|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|dozen)'
const SPELLED = new RegExp(`\\b${NUMERAL}(?:(?:[\\s-]|\\sand\\s)${NUMERAL}){0,8}\\b`, 'gi')

/** The only number of a sentence, in words: "There are seven characters." */
function spelledIn(sentence: string): Placed | undefined {
  if (sentence.length > SPELLED_IN || /\d/.test(sentence)) return undefined
  const [run, ...others] = sentence.matchAll(SPELLED)
  const value = run && others.length === 0 ? wholeInWords(run[0].toLowerCase()) : undefined
  if (value === undefined) return undefined
  const before = sentence.slice(0, run.index)
  if (!PREDICATE.test(before) && !(value > INCIDENTAL && OWNS.test(before))) return undefined
  return numberIn(before + value + sentence.slice(run.index + run[0].length), 'number in words')
}

/** What says a number and not how many of something else: "there are seven", and not "add the three numbers". */
const PREDICATE =
  /\b(?:there (?:are|is|were|was|will be|must be)|is|was|equals|costs?|total of|makes|leaves|answer:)\s(?:exactly |only |just )?\**$/i
/** What is told of who has so many: "the village has fifteen hundred inhabitants". Small numbers, "she has two brothers", say it in passing. */
const OWNS =
  /\b(?:has|have|had|holds?|contains?|needs?|buys?|bought|sells?|sold|makes?|made|earns?|earned|saves?|saved|pays?|paid|spends?|spent|gets?|got|eats?|ate|collect(?:s|ed)|bak(?:es|ed)|plant(?:s|ed))\s(?:exactly |only |just |a total of )?$/i
const INCIDENTAL = 12n

/** The whole number that words spell, dozens too. */
function wholeInWords(words: string): bigint | undefined {
  const [, times, dozen] = /^(.*?)[\s-]?(dozen)?$/.exec(words)!
  const value = times === '' ? 1n : numberInWords(times)
  return value === undefined ? undefined : value * (dozen === undefined ? 1n : 12n)
}

/** A longer sentence is not searched for words. */
const SPELLED_IN = 400

function numberIn(text: string, where: string): Placed | undefined {
  const number = statedNumber(text)
  // A bare row of numbers states none.
  return number === undefined || /\d[\s,;.]+$/.test(text.slice(-2000, text.lastIndexOf(number.text))) ? undefined : { ...number, where }
}

const COPULAS = [' is ', ' are ', ' equals ', "'s ", '’s ', '=', ': ', ' get ', ' gives ', ' obtain ', ' be ']

/** "by x = 7 as well as by x = 3": the values of one letter. */
const ROOTS =
  /(?<!\w)([a-z])\s?=\s?([^\s,;]{1,30})(?:, \1\s?=\s?[^\s,;]{1,30}){0,8}(?:,? (?:and|or|as well as)(?: (?:likewise|also|else|by|for|at|when)){0,2} \1\s?=\s?[^\s,;]{1,30})(?!.{0,300}\b\1\s?=)/i
/** "AB : BC = 4 : 3", "the ratio is 5 : 2" */
const RATIO =
  /(?:[A-Za-z]{1,3}\s?:\s?[A-Za-z]{1,3}\s?=|\bratio(?:\s[^\d.:]{1,40})?\s(?:is|equals|=))\s?(\d[\d.]{0,9}(?:\s?:\s?\d[\d.]{0,9}){1,3})\.?$/
/** "the 22nd term of the sequence" answers which one. */
const PLACE =
  /^the (\d{1,9})(?:st|nd|rd|th) (?:term|number|place|position|element|digit|row|column|day|month|year|century|person|student|house|floor)(?: (?:of|in) (?:the|this) [a-z]{1,12})?$/i

/** "The curves meet at (0, 0) and (1, 1)." */
const POINTS = /(?:\(-?[\w./]{1,12}, ?-?[\w./]{1,12}\)(?:,? and |, )){1,12}\(-?[\w./]{1,12}, ?-?[\w./]{1,12}\)$/

/** A form that says more than the value behind its last verb. */
function formIn(text: string): Found | undefined {
  const points = POINTS.exec(text)
  if (points && isAnswer(points[0])) return { text: points[0], at: points.index }
  const roots = rootsIn(text)
  if (roots) return roots
  const ratio = RATIO.exec(text)
  return ratio ? { text: ratio[1], at: text.length - ratio[0].length } : undefined
}

function rootsIn(text: string): Found | undefined {
  const roots = ROOTS.exec(text)
  if (roots) {
    const values = [...roots[0].matchAll(/=\s?([^\s,;]{1,30})/g)].map(([, value]) => `${roots[1]} = ${trimEnd(value)}`)
    const said = values.join(' or ')
    if (isAnswer(said) && !deniesItself(text.slice(roots.index))) return { text: said, at: roots.index }
  }
  return undefined
}

/** X of the last "is X" or "= X", where X is an answer; the result of a calculation. */
function copula(sentence: string): Found | undefined {
  const text = sentence.slice(-1000)
  const shift = sentence.length - text.length
  const whole = formIn(trimEnd(text)) ?? listBehind(text)
  if (whole) return { ...whole, at: whole.at + shift }
  const found = COPULAS.map((word) => ({ word, at: text.lastIndexOf(word) })).filter(({ at }) => at >= 0)
  for (const { word, at } of found.sort((a, b) => b.at - a.at)) {
    const rest = trimEnd(text.slice(at + word.length))
    const placedAt = shift + at + word.length
    if (word === '=' && /^[a-z]$/i.test(rest)) {
      const value = trimEnd(text.slice(0, at).slice(text.slice(0, at).trimEnd().lastIndexOf(' ') + 1))
      if (/\d/.test(value) && isAnswer(value)) return { text: value, at: shift }
    }
    const start = trimEnd(rest.split(SENTENCE_END)[0])
    const relation = trimEnd(text.slice(at + word.length).split(/ is | as /)[0])
    const place = PLACE.exec(rest)
    if (place) return { text: place[1], at: placedAt }
    for (const said of [rest, start, relation]) if (said !== '' && isAnswer(said)) return { text: said, at: placedAt }
    const result = word === '=' && !TAKEN_BACK.test(text) ? resultAt(text, at) : undefined
    if (result !== undefined) return { text: result, at: placedAt }
  }
  return relationIn(text, shift)
}

/** Several values behind one verb: "the solutions are y = 1 and y = -6". */
function listBehind(text: string): Found | undefined {
  const verb = [
    ...text.matchAll(
      /(?:^|\s)(?:is|are|get|gives|obtain|so|thus|hence|therefore|has|have|be|(?:solutions|roots|zeros|values)(?=[,:])),?:?\s(?:either\s|both\s)?(?=[^.]{0,200}(?:\s(?:and|or)|,)\s)/gi,
    ),
  ]
  for (const { index, 0: word } of verb.slice(-3).reverse()) {
    const rest = trimEnd(text.slice(index + word.length))
    if (/[=\d]\S{0,40}(?:\s(?:and|or)|,)\s\S/.test(rest) && isAnswer(rest)) return { text: rest, at: index + word.length }
  }
  return undefined
}

/** "We find that x < 3" or "Thus x <= 2 is our answer". */
function relationIn(text: string, shift: number): Found | undefined {
  const match =
    /(?:^|\s)[*(]{0,3}([a-zA-Z]\w{0,5}\s{0,3}(?:<=?|>=?|=|\\[lg](?:eq?|t)\b)\s{0,3}[^\s]{0,59}[^\s.,;:*](?:\sand\s[a-zA-Z]\w{0,3}\s{0,3}(?:<=?|>=?)\s{0,3}[^\s]{1,60})?)(?=[.,;:*]{0,3}(?:\s|$))(?!\s{1,3}[-+*/=])/.exec(
      text,
    )
  return match && isAnswer(match[1]) ? { text: match[1], at: shift + match.index } : undefined
}
