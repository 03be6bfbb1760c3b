/**
 * Which part of a response answers the question. What the question asks for is compared with each part that says a value, and a
 * part at the end gives way to one before it only where it speaks of something else.
 */

import { Recent } from '../../reading/recent.ts'
import { stems } from '../asked.ts'
import { effectOf } from '../corrections.ts'
import { ANY, isCarriedOut, type Mark, WEIGHTS, type Weighed, weigh } from './marks.ts'
import { type Part, sentencesBack } from './parts.ts'
import { type Question, questionOf } from './question.ts'

/** By how much a part has to outweigh the end. */
const MARGIN = 4
/** The same within the last sentence. */
const APART = 3
/** How much has to speak against the end that does not speak against the part in its place. */
const CONTRAST = -2
/** The most that may speak against that part. */
const FLAWS = -1

export interface Answering {
  /** The response up to the part that answers. */
  text: string
  /** The part as a sentence of its own. */
  alone: string
  /** That part. */
  part: string
  /** Its one number with the unit or noun asked for. */
  value?: string
  /** What speaks against the end. Empty: the end of the last sentence is meant. */
  against: readonly Mark[]
  /** Its value is the only one with the unit or noun asked for. */
  only: boolean
}

/** Characters of a problem, its last ones, whose words are known. */
const LONGEST = 4000

const kept = new Recent<ReadonlySet<string>>(64)

/** Undefined: the end answers, or nothing tells. */
export function weighed(text: string, problem: string): Answering | undefined {
  const sentences = sentencesBack(text)
  const last = sentences.next()
  if (last.done) return undefined
  const ending = last.value.at(-1)!.text
  const carriedOut = isCarriedOut(ending)
  if (carriedOut && (last.value.length < 2 || !BESIDE.test(ending))) return undefined
  const question = questionOf(problem)
  const words = kept.of(problem, (whole) => new Set(stems(whole.slice(-LONGEST))))
  const weighedOf = (parts: readonly Part[]): Weighed[] => {
    const out: Weighed[] = []
    for (const part of parts) out.push(weigh(part, question, words, out.at(-1)))
    return out
  }
  const closing = weighedOf(last.value)
  const end = closing.at(-1)!
  const chosen = carriedOut
    ? led(closing, end, text, question)
    : (within(closing, end, text) ??
      led(closing, end, text, question) ??
      alone(closing, end, text) ??
      before(closing, end, text, sentences, weighedOf))
  if (!chosen || withdrawn(text.slice(chosen.one.part.end))) return undefined
  const { one, first } = chosen
  return {
    ...placed(text, one.part, first),
    part: one.part.text,
    value: one.value,
    only: one.only && closing.length === 1,
    against: chosen.against ?? (one === end ? [] : end.marks.filter((mark) => WEIGHTS[mark] < 0)),
  }
}

/** A part, and whether it is the first of its sentence. */
interface Chosen {
  one: Weighed
  first: boolean
  /** What speaks against the end, where its marks do not say it. */
  against?: readonly Mark[]
}

/** The part of the last sentence that answers, where its others speak of something else. */
function within(closing: readonly Weighed[], end: Weighed, text: string): Chosen | undefined {
  if (closing.length < 2) return undefined
  const best = closing.reduce((a, b) => (b.score >= a.score ? b : a))
  const others = closing.filter((one) => one !== best)
  // "Then 2j + 6 = 40, so": a step before the parts that say a value is no rival.
  const rivals = others.filter(({ marks }) => marks.some((mark) => mark !== 'a calculation'))
  const rival = best === end ? (rivals.length > 0 ? rivals : others).reduce((a, b) => (b.score >= a.score ? b : a)) : end
  const margin = best.marks.includes('the deed asked for') && rival.marks.includes('another deed') ? APART - 1 : APART
  if (best.score - Math.max(...others.map(({ score }) => score)) < margin || best.against < FLAWS || !isStated(text, best)) return undefined
  return contrast(rival, best) > CONTRAST || (best !== end && isStep(end)) ? undefined : { one: best, first: best === closing[0] }
}

/**
 * "The discriminant is -23, hence there are 0 real roots.", "So the mean is 7 and the range is 12 - 3 = 9.": the thing asked for, before
 * a conclusion about a thing of its own, or beside another thing.
 */
function led(closing: readonly Weighed[], end: Weighed, text: string, { thing, unit, counted }: Question): Chosen | undefined {
  if (closing.length < 2 || thing.size === 0 || unit !== undefined || counted !== undefined) return undefined
  const own = CONCLUDED.exec(end.part.text)
  const beside = own === null ? BESIDE.exec(end.part.text) : null
  const noun = stems(own?.[1] ?? own?.[2] ?? own?.[3] ?? beside?.[1] ?? '')
  const general = beside === null ? ANY : GENERAL
  if (noun.length === 0 || !end.marks.every((mark) => AGAINST_ONLY.has(mark)) || noun.some((word) => thing.has(word) || general.has(word)))
    return undefined
  const one = closing.findLast(
    (part) =>
      part !== end &&
      part.marks.includes('the thing asked for') &&
      part.against >= 0 &&
      (beside === null || isOfThing(part.part.text, thing)),
  )
  return one && isStated(text, one) ? { one, first: one === closing[0], against: ['another subject'] } : undefined
}

/** "the mean is": the very thing asked for, and not that of another. */
const isOfThing = (text: string, thing: ReadonlySet<string>): boolean => {
  const noun = stems(THE.exec(text)?.[1] ?? '')
  return noun.length > 0 && noun.every((word) => thing.has(word))
}
const THE = /\b(?:the|its) ((?:[a-z-]+ ){0,2}?[a-z-]+) (?:is|are|was|equals|=)/i
/** "and the range is 12 - 3 = 9" */
const BESIDE = /^[\s,;]{0,3}(?:and |while |whereas )?(?:the|its) ((?:[a-z-]+ ){0,2}?[a-z-]+) (?:is|are|was|equals|=)/
/** What may be said of any quantity. */
const GENERAL = new Set(
  stems('answer result total number amount value rest remainder final solution count new one ones next second third other following'),
)

/** "hence there are 0 real roots", "so the rank is 1", "hence 4731 has at least 3 divisors" */
const CONCLUDED =
  /^[\s,;]{0,3}(?:and )?(?:so|thus|hence|therefore)\b,? (?:there (?:is|are) (?:exactly |only |at (?:least|most) |no )?\S{1,12} ((?:[a-z-]+ ){0,2}[a-z-]+)|(?:the|its|this|all|at (?:least|most) \S{1,12}) ((?:[a-z-]+ ){0,2}?[a-z-]+)\b(?= (?:is|are|has|have|was|were|lies?|[a-z]+s)\b)|\S{1,12} has (?:exactly |only |at (?:least|most) )?\S{1,12} ((?:[a-z-]+ ){0,1}[a-z-]+))/
/** All that may be said of such a conclusion. */
const AGAINST_ONLY: ReadonlySet<Mark> = new Set<Mark>(['a conclusion', 'a conclusion that goes on', 'a calculation', 'another subject'])

/** "Lena buys 12 pens for 18 dollars.": of a sentence that is one part, the number with what is asked for. */
const alone = (closing: readonly Weighed[], end: Weighed, text: string): Chosen | undefined =>
  closing.length === 1 && end.only && end.against >= FLAWS && isStated(text, end) ? { one: end, first: true } : undefined

/** The part before the last sentence that answers, where that speaks of something else. */
function before(
  closing: readonly Weighed[],
  end: Weighed,
  text: string,
  sentences: Iterable<Part[]>,
  weighedOf: (parts: readonly Part[]) => Weighed[],
): Chosen | undefined {
  if (end.against > CONTRAST || closing.some(isStep)) return undefined
  let best: Chosen | undefined
  for (const parts of sentences) {
    const all = weighedOf(parts)
    for (const one of all.toReversed()) {
      if (one.against >= FLAWS && isStated(text, one) && outweighs(one, best?.one ?? end)) best = { one, first: one === all[0] }
    }
  }
  return best
}

/** A later part gives way where it speaks of something else and less of what is asked. */
const outweighs = (one: Weighed, later: Weighed): boolean => one.score - later.score >= MARGIN && contrast(later, one) <= CONTRAST

/** It says something, of the thing asked for or as a conclusion. */
const isStated = (text: string, { part, marks }: Weighed): boolean =>
  marks.some((mark) => SPEAKS.has(mark)) && SAYS.test(text.slice(part.sentence, part.end))

const SPEAKS: ReadonlySet<Mark> = new Set<Mark>([
  'the unit asked for',
  'what is counted',
  'the thing asked for',
  'the name asked for',
  'the one asked for',
  'the condition asked for',
  'a conclusion',
  'a conclusion that goes on',
])
const SAYS =
  /=|:|\b(?:is|are|was|were|be|has|have|had|can|will|needs?|gets?|got|gives?|makes?|made|takes?|took|costs?|uses?|used|equals?|pays?|paid|earns?|earned|sells?|sold|wins?|won|loses?|lost|fell|rose|grew|dropped|sank|keeps?|holds?|contains?|there|saves?|spend|earn|pay|cost|read|broke|break|remain|sell|buy|lose|win|ate|eat|ran|drove|rode|[a-z]{3,}(?:ed|[^s]s))\b/i

/** It calculates, unless to check, or it concludes, unless in another unit. */
const isStep = ({ marks, against }: Weighed): boolean =>
  marks.includes('a comparison')
    ? false
    : marks.includes('a calculation')
      ? !marks.includes('a check')
      : marks.includes('a conclusion') && against > -2

/** What speaks against the end counts only where the other part has what the end lacks. */
const COUNTERPART: Partial<Record<Mark, readonly Mark[]>> = {
  'another unit': ['the unit asked for', 'what is counted'],
  'another count': ['what is counted'],
  'another name': ['the name asked for'],
  'another condition': ['the condition asked for'],
  'another one': ['the one asked for'],
  'another deed': ['the deed asked for'],
  'another time': ['a conclusion', 'the one asked for', 'the name asked for'],
  'of another': ['words of the question'],
  'the unit converted': ['the unit asked for'],
  'a generality': ['a conclusion'],
  'another subject': ['the thing asked for', 'what is counted', 'the unit asked for', 'a conclusion'],
}

const contrast = (end: Weighed, other: Weighed): number =>
  end.marks
    .filter((mark) => WEIGHTS[mark] < 0 && (COUNTERPART[mark]?.some((one) => other.marks.includes(one)) ?? true))
    .reduce((sum, mark) => sum + WEIGHTS[mark], 0)

const withdrawn = (behind: string): boolean =>
  behind
    .split(/(?<=[.!?])\s|\n/)
    .some((sentence) => /\?\s*$/.test(sentence) || ['withdraws', 'doubts', 'turns'].includes(effectOf(sentence)))

/** "is $216$ for an edge of $6$": what stands behind a value that a verb states. */
const BEHIND = /(\b(?:is|are|equals|has)\s(?:\$[^$\n]{1,80}\$|\\\([^()\n]{1,80}\\\)))\s(?:for|at|with|in|on|when|over|of)\s.*$/s

function placed(text: string, part: Part, first: boolean): { text: string; alone: string } {
  const said = part.text
    .replace(/^[\s,;:()–—-]{1,6}(?:(?:and|but|or|while|whereas)\s)?/, '')
    .replace(/[\s,;:(]{1,8}$/, '')
    .replace(BEHIND, '$1')
  const upTo = `${text.slice(0, part.start)}${part.text.replace(/[\s,;:(]{1,8}$/, '').replace(BEHIND, '$1')}${/[.!]$/.test(part.text) ? '' : '.'}`
  return {
    text: upTo,
    alone: first ? upTo : `${text.slice(0, part.sentence).replace(/(?<=\S)$/, ' ')}${said}${/[.!]$/.test(said) ? '' : '.'}`,
  }
}
