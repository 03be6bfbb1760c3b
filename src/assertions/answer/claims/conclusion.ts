/**
 * The conclusion of a response: what stands before its closing elaborations (examples, checks, notes, comparisons, cases contrary
 * to fact, remarks on another thing). Where it is in doubt whether a part elaborates, nothing is left out, and the last statement counts.
 */

import { matchesOf } from '../reading/matches.ts'
import { askedIn, askedOf, asksFor, focusIn } from './asked.ts'
import { effectOf } from './corrections.ts'
import { namesOtherQuantity } from './quantities.ts'
import {
  answersInstead,
  conclusionWeight,
  type Elaboration,
  forWhom,
  isOpenConclusion,
  isPlain,
  isRounding,
  isSequel,
  isStep,
  isSupposed,
  type Role,
  roleOfClause,
  roleOfSentence,
} from './roles.ts'
import { blotted, isMark, isStop, isWorded } from './sentences.ts'

/** Characters at the end that are searched, and how many sentences of them. */
const SEARCHED = 3000
const SENTENCES = 10
/** How many plain sentences may go on with an elaboration, and how many clauses are left out of one sentence. */
const CONTINUED = 3
const CLAUSES = 3
/** A part is left out where its weight and that of the conclusion before it reach this. */
const ENOUGH = 5
/** Weight of an elaboration that nothing else need speak for. */
const CERTAIN = 4

interface Span {
  start: number
  end: number
  /** It opens a paragraph. */
  opens: boolean
}

/** A text whose closing elaborations are left out, and what the last of these is. */
export interface Conclusion {
  text: string
  before: Elaboration
}

/** The text up to its conclusion. Undefined: it ends in none, or nothing tells that what follows elaborates. */
export function conclusionOf(text: string, problem: string | undefined, words = false): Conclusion | undefined {
  const from = Math.max(0, text.length - SEARCHED)
  const tail = text.slice(from)
  const plain = blotted(blottedDisplays(tail))
  const spans = spansOf(tail, plain)
  const cut = sentencesCut(tail, spans, problem, words, leadingNumber(text))
  const last = spans[cut ? cut.kept : spans.length - 1]
  const clause = last && clausesCut(tail, plain, last, problem)
  if (!clause) return cut && { text: text.slice(0, from + spans[cut.kept].end).replace(/\n\s*[-*_]{3,}\s*$/, ''), before: cut.before }
  return { text: `${text.slice(0, from + clause.end).replace(/[\s,;]+$/, '')}.`, before: cut?.before ?? clause.before }
}

const DISPLAY = /\$\$[^$]{1,1500}\$\$|\\\[(?:[^\\]|\\(?!\])){1,1500}\\\]/g
/** Formulas of more than one line blotted out too. */
const blottedDisplays = (text: string): string =>
  /\$\$|\\\[/.test(text) ? text.replace(DISPLAY, (found) => '\u2022'.repeat(found.length)) : text

/** The last sentences. A sentence may also end behind a display formula. */
function spansOf(tail: string, plain: string): Span[] {
  const out: Span[] = []
  let start = 0
  let opens = false
  const add = (end: number): void => {
    const lead = /^\s*/.exec(tail.slice(start, end))![0]
    if (lead.length < end - start) {
      if (isWorded(tail.slice(start, end))) out.push({ start: start + lead.length, end, opens: opens || lead.includes('\n') })
      else if (out.length > 0) out[out.length - 1].end = end
      opens = false
    }
    start = end
  }
  for (let i = 0; i < plain.length; i++) {
    const c = plain[i]
    if (c === '\n') {
      add(i)
      opens = true
    } else if (isMark(plain, i) && isStop(plain, i)) add(i + 1)
    else if (endsBehindFormula(tail, i)) add(i)
  }
  add(plain.length)
  return out.slice(-SENTENCES)
}

/** Whether a sentence ends at a place by a display formula, or by a stop inside a formula: "$x = 3.$ Then". */
function endsBehindFormula(tail: string, at: number): boolean {
  // Most characters follow nothing that a formula or an environment ends in.
  const last = tail[at - 1]
  if (last !== '$' && last !== ')' && last !== ']' && last !== '}') return false
  const before = tail.slice(Math.max(0, at - 3), at)
  if (tail[at] === ' ') return /^ {1,3}[A-Z]/.test(tail.slice(at, at + 4)) && /\$\$$|\\\]$|[.!]\$$|[.!]\\\)$/.test(before)
  return /[A-Z]/.test(tail[at]) && (/\$\$$|\\\]$/.test(before) || /\\end\{[a-z*]{1,12}\}$/.test(tail.slice(Math.max(0, at - 20), at)))
}

/** The 64 of a response that begins with "64." or "**64 strings**" as a paragraph of its own. */
const leadingNumber = (text: string): string | undefined => LEADING.exec(text.slice(0, 80))?.[1]
const LEADING = /^\s*[*_]{0,2}\$?(-?\d[\d,]*(?:\.\d+)?)\$?(?: [a-z]{1,20}){0,3}[*_.!]{0,4}\s*\n\s*\n/
/** Whether a number stands in a sentence. */
const holds = (sentence: string, number: string): boolean => {
  for (let at = sentence.indexOf(number); at >= 0; at = sentence.indexOf(number, at + 1))
    if (!/[\d.,]$/.test(sentence.slice(0, at)) && !/^(?:\d|[.,]\d)/.test(sentence.slice(at + number.length))) return true
  return false
}

/** How many of the last sentences only elaborate. `kept` is the last one that does not. */
function sentencesCut(
  tail: string,
  spans: readonly Span[],
  problem: string | undefined,
  words: boolean,
  lead: string | undefined,
): { kept: number; before: Elaboration } | undefined {
  let found: { kept: number; before: Elaboration } | undefined
  let least = ENOUGH
  let plain = 0
  for (let i = spans.length - 1; i > 0; i--) {
    const said = tail.slice(spans[i].start, spans[i].end)
    if (isRounding(tail.slice(spans[i - 1].start, spans[i - 1].end), said) && !words) {
      found = { kept: i - 1, before: 'approximation' }
      continue
    }
    const supposed = lead !== undefined && isSupposed(said) && holds(tail.slice(spans[i - 1].start, spans[i - 1].end), lead)
    const role: Role = supposed
      ? { is: 'counterfactual', weight: CERTAIN }
      : problem !== undefined && namesOtherQuantity(said, problem)
        ? { is: 'contrast', weight: CERTAIN }
        : roleOfSentence(said)
    if (role.is === 'conclusion') break
    if (
      problem !== undefined &&
      (role.weight < CERTAIN || role.is === 'counterfactual') &&
      (isAsked(said, tail, spans[i - 1], problem, role) ||
        asksFor(role.is === 'counterfactual' && role.weight < CERTAIN ? 'supposition' : role.is, problem))
    )
      break
    const asked = problem === undefined ? 0 : askedIn(tail.slice(spans[i - 1].start, spans[i - 1].end), problem) - askedIn(said, problem)
    if (
      plain === 0 &&
      asked >= 0 &&
      (goesNoFurther(tail, spans, i) ||
        (closesBefore(tail, spans, i) && (asked > 0 || (isPlain(said) && (role.is !== 'statement' || endsInFormula(tail, spans[i - 1]))))))
    ) {
      found = { kept: i - 1, before: role.is === 'statement' ? 'remark' : role.is }
      break
    }
    if (role.is === 'statement') {
      // It may go on with an elaboration before it, in the same paragraph.
      if (++plain > CONTINUED || spans[i].opens || conclusionWeight(said) > 0 || said.includes('=')) break
      continue
    }
    if (plain > 0 && role.weight < CERTAIN) break
    plain = 0
    least = Math.min(least, role.weight)
    const before = tail.slice(spans[i - 1].start, spans[i - 1].end)
    // "Confidence: 95%" behind any value
    if (role.weight > CERTAIN && /\d|\$|\\/.test(before)) found = { kept: i - 1, before: role.is }
    else if (least + standing(before, spans[i - 1], said, spans[i], problem, words) >= ENOUGH) found = { kept: i - 1, before: role.is }
  }
  return found
}

/** "…\n\nSo the line is y = 2x + 1. It passes through (2, 5).": the sentence before opens the closing paragraph as a conclusion, and a paragraph before it had led there. */
const closesBefore = (tail: string, spans: readonly Span[], at: number): boolean =>
  at > 1 && spans[at - 1].opens && !spans[at].opens && isOpenConclusion(tail.slice(spans[at - 1].start, spans[at - 1].end))

/** "So he needs 8 boxes. The last one holds 3 eggs.": nothing behind concludes again, calculates or goes on in time. */
const goesNoFurther = (tail: string, spans: readonly Span[], at: number): boolean =>
  isOpenConclusion(tail.slice(spans[at - 1].start, spans[at - 1].end)) &&
  spans.slice(at).every((span) => isPlain(tail.slice(span.start, span.end)) && !isSequel(tail.slice(span.start, span.end)))

/** "So the line is $y = 2x + 1$.": of a formula with a letter a plain sentence tells more, while a number may be a step to another. */
const endsInFormula = (tail: string, { start, end }: Span): boolean =>
  /(?<![a-z\\])[a-z](?![a-z])[^$]{0,80}(?:\$|\\\)|\\\])[.\s*]{0,4}$/i.test(tail.slice(start, end).slice(-120))

/** How clearly the sentence before an elaboration concludes. A paragraph of its own, and the words of the problem, speak for it. */
function standing(said: string, at: Span, behind: string, next: Span, problem: string | undefined, words: boolean): number {
  const weight = conclusionWeight(said)
  const apart = weight > 0 && (at.opens || next.opens) ? 1 : 0
  const bold = words && /\*\*[^*\n]{1,60}\*\*/.test(said) ? 2 : 0
  return weight + apart + bold + (problem !== undefined && askedIn(said, problem) > askedIn(behind, problem) ? 2 : 0)
}

/** Whether the problem asks for what a sentence says rather than for what stands before it. */
const isAsked = (said: string, tail: string, { start, end }: Span, problem: string, { weight }: Role): boolean => {
  const before = tail.slice(start, end)
  return weight < CERTAIN ? askedIn(said, problem) > askedIn(before, problem) : focusIn(said, problem) > focusIn(before, problem)
}

/** Where a clause begins that may say another thing: behind a semicolon, a dash, "and the", "which", or in brackets. */
const JOINTS =
  /;\s|:\s(?=(?:for|with|at|as|since|because|if|any|the|when|it|they)\b)|\s[-–—]{1,3}\s(?=[a-z])(?![a-z]{1,2}\s?[-+*/^=<>≤≥]|[a-z]\d)|,\s(?=(?:which|of which|and|so (?:each|every|no)|the (?:next|following) (?:ones?|such)|it|that|this|its|slightly|just|only|far|well|clearly|much|e\.g\.|for (?:example|instance)|such as|compared|but|although|though|[A-Z][a-z]+)\b)|\s(?=e\.g\.\s)|\s(?=and the\b)|\s\((?=[^()]{3,300}\)[.\s*]{0,4}$)/g

/** Whether a clause may be the main one of its sentence. */
const isMain = (clause: string, joint: string): boolean =>
  /^[, ]/.test(joint) && joint.trim() !== '(' && /^(?:and|it|that|this|its|[A-Z])/.test(clause)

/** What only leads up to a main clause: "To close on 200 feet, it would take 7 seconds". */
const ADVERBIAL =
  /^[\W_]{0,4}(?:(?:so|and|but|then|thus|therefore|hence|now),? )?(?:if|since|as|when|while|because|to|for|in|at|on|with|by|after|before|under|over|using|given|although|though|of|out of|from|suppose|assuming|[A-Z][a-z]+ing)\b[^,]*$/i

/** "The smallest n is 5" */
const ANSWERS = /^[\W_]{0,4}(?:the|our|its) [a-z][^.;:=]{0,60}\b(?:is|are|equals)\b[^.;:]{1,40}$/i
/** "12² = 144" and nothing else */
const ALONE = /^[^a-z=]{1,60}=\s?-?\d[\d.,]*$/i
/** What goes on behind a semicolon. */
const GOES_ON =
  /^[\W_]{0,4}(?:no|not|or|rather|wait|actually|so|thus|hence|therefore|then|this|that|it|which|these|in total|together|adding|the (?:answer|total|sum|result|difference|final)|after|and)\b|\b(?:left|remain\w*|altogether|total|answer)\b/i

/** "; it leaves 1 mod 2" */
const DOES = /^\W*(?:it|they) (?:leaves?|divides?|has|have|satisf(?:y|ies)|passes|contains?|ends?|lies?)\b/i

/** Where a sentence is cut before clauses that only elaborate. */
function clausesCut(
  tail: string,
  plain: string,
  span: Span,
  problem: string | undefined,
): { end: number; before: Elaboration } | undefined {
  const whole = plain.slice(span.start, span.end)
  const joints = matchesOf(whole, JOINTS).slice(-8)
  let end = span.end
  let before: Elaboration | undefined
  for (let left = CLAUSES, i = joints.length - 1; left > 0 && i >= 0; i--) {
    const { index, 0: joint } = joints[i]
    const clause = tail.slice(span.start + index + joint.length, end)
    const head = tail.slice(span.start, span.start + index)
    if (!/\d|\$|\\/.test(clause) || !/[\d$πx]/.test(head) || (isMain(clause, joint) && ADVERBIAL.test(head))) continue
    const role: Role = roleOfClause(clause, joint.trim())
    const weight = role.is === 'statement' || role.is === 'conclusion' ? 0 : role.weight
    const asked = problem === undefined ? 0 : askedIn(head, problem) - askedIn(clause, problem)
    if (asked < 0 && weight < CERTAIN) break
    if (answersInstead(clause, head, problem === undefined ? '' : askedOf(problem).sentence)) break
    if (problem !== undefined && askedIn(forWhom(clause), problem) > askedIn(head, problem) - askedIn(clause, problem)) break
    const concluded = conclusionWeight(head) + (span.opens && conclusionWeight(head) > 0 ? 1 : 0)
    const enough = weight > 0 && weight + concluded + (asked > 0 ? 2 : 0) >= ENOUGH
    // "Thus Sarah is 14 now; in 6 years she will be 20"
    const apart =
      /^[;:–—-]/.test(joint.trim()) &&
      (isOpenConclusion(head) || ANSWERS.test(head) || (ALONE.test(head) && asked === 0)) &&
      isPlain(clause) &&
      !isStep(clause) &&
      !GOES_ON.test(joint.trim() === ':' || DOES.test(clause) ? clause.replace(/^\W*(?:it|they)\b/i, '') : clause) &&
      effectOf(clause) === 'nothing'
    if (
      !apart &&
      !enough &&
      !(asked > 0 && askedIn(clause, problem!) === 0 && isOther(clause) && !isStep(clause) && !ADVERBIAL.test(head))
    ) {
      // What stays behind a semicolon says more than what stands before it.
      if (joint.trim() === ';') break
      continue
    }
    before = role.is === 'statement' || role.is === 'conclusion' ? (apart ? 'remark' : 'contrast') : role.is
    end = span.start + index
    left--
  }
  return before === undefined ? undefined : { end, before }
}

/** "Ana 22", "the remainder is 5": a clause with a subject of its own. */
const isOther = (clause: string): boolean =>
  /^[\W_]{0,4}(?:and )?(?:[A-Z][a-z]{1,15} (?:has|gets|had|is|pays|earns|needs)?\s?[$€£]?\d|the \w+(?: \w+){0,4} (?:is|are|equals)\b|which leaves\b)/.test(
    clause,
  )
