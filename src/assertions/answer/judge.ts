/** One output against its references: extraction, reading, equality. */

import { valueOfChain } from './chains.ts'
import { askedOf } from './claims/asked.ts'
import { type Choice, type Choices, choiceReference, chosenLetter, lettered, singleLetter, smallChoice } from './claims/choice.ts'
import { LIST_IN_JSON } from './claims/claims.ts'
import { dayAsked } from './claims/days.ts'
import type { Expected } from './claims/expected.ts'

import { sameConvergence, unexplained, valueForWhich } from './claims/explained.ts'

import { type Extract, type Extraction, extractAnswer } from './claims/extract.ts'

import { optionsOf } from './claims/options.ts'
import { valueOfCall } from './claims/pointed.ts'
import type { Status } from './claims/status.ts'
import { saidTwice } from './claims/twice.ts'
import { sameChemistry } from './equality/chemistry.ts'
import { sameCongruence } from './equality/congruences.ts'
import { sameUpToNames } from './equality/constants.ts'
import { compareAnswers } from './equality/equal.ts'
import { sameFamily } from './equality/families.ts'
import { sameGeneralSolution } from './equality/general-solutions.ts'
import { allowsMultiples, areMultiples } from './equality/multiples.ts'
import { asOrdered, isOrdered, orderAsked } from './equality/orders.ts'
import { sameInOtherWords } from './equality/other-words.ts'
import { samePermutation } from './equality/permutations.ts'
import { samePiecewise } from './equality/piecewise.ts'
import { withoutQuantifier } from './equality/quantifiers.ts'
import { sameRecurrence } from './equality/recurrences.ts'
import { isName } from './equality/sets.ts'
import { sameSpan } from './equality/spans.ts'
import { isNumeric, variables } from './equality/values.ts'
import { sameValuesOfFamilies } from './equality/values-of-families.ts'
import { inUsualForm } from './everyday.ts'
import { areFactors, missesForm } from './form-asked.ts'
import { DEFAULT_POLICY, LIMITS, type Policy } from './limits.ts'
import type { Answer, Node } from './node.ts'
import { substitute } from './nodes.ts'
import { isOfAnotherName } from './other-names.ts'
import { withoutDomain } from './reading/domains.ts'
import { labelledParts } from './reading/labelled-parts.ts'
import { matchesOf } from './reading/matches.ts'
import { readAnswer, readDecimalComma, readMeasuredComma } from './reading/read.ts'
import { sameTime } from './reading/times.ts'
import { plainWords, withoutNoun, withoutSubject } from './reading/words.ts'
import { type Reference, referenceOf, type Verdict } from './reference.ts'
import { valueOfSteps } from './steps.ts'
import { isOfAnotherKind, isOtherUnit, letterAsked, unitAsked, withoutUnitAsked } from './units/unit-asked.ts'
import { relateUnits } from './units/units.ts'

export interface Judgement {
  pass: boolean
  /** Undefined: no answer was found, and `rule` says why. */
  extracted?: string
  source?: string
  /** How the response stands to the claim. Undefined: it makes none. */
  claim?: Status
  /** Kind of value the answer was read as. */
  type?: string
  /** The rule that decided. */
  rule: string
}

/** How to judge: where the answer stands, what counts as equal, and what the choices are. */
export interface Manner {
  extract: Extraction
  policy: Policy
  choices: Choices
  /** The problem, where it is known. It helps to tell what a response concludes from what it says besides. */
  problem?: string
}

export const DEFAULT_MANNER: Manner = { extract: 'auto', policy: DEFAULT_POLICY, choices: 'auto' }

/** Whether the answer that an output states equals any of the references. */
export function judgeAnswer(output: string, references: readonly string[], manner: Manner = DEFAULT_MANNER): Judgement {
  let last: Judgement = { pass: false, rule: 'there is no reference' }
  const extract = references.length > 1 ? extractedOnce() : extractAnswer
  for (const reference of references) {
    last = judgeOne(output, referenceOf(reference), manner, extract)
    if (last.pass) break
  }
  return last
}

/** The answer of one output, found once for all references from which finding it has to know the same. */
function extractedOnce(): typeof extractAnswer {
  const known = new Map<string, Extract>()
  return (output, how, expected) => {
    // The problem is the same for all.
    const key = JSON.stringify({ ...expected, problem: undefined })
    const extract = known.get(key) ?? extractAnswer(output, how, expected)
    known.set(key, extract)
    return extract
  }
}

function judgeOne(
  output: string,
  reference: Reference,
  { extract, policy: given, choices, problem }: Manner,
  answerOf: typeof extractAnswer,
): Judgement {
  const wanted = reference.answer
  const order = problem !== undefined && isOrdered(wanted) ? orderAsked(problem) : undefined
  const policy: Policy = order === undefined ? given : { ...given, lists: 'ordered' }
  const choice = choiceReference(reference, choices) ?? smallChoice(reference, choices, problem)
  const expected = expectedOf(reference.expected, choice !== undefined, problem)
  const spoken = wanted.kind === 'text' && extract === 'auto' && output.length < 2 * LIMITS.candidate
  if (spoken && plainWords(output) === plainWords(reference.text)) {
    return { pass: true, extracted: output.trim(), source: 'whole output', claim: 'stated', type: 'text', rule: 'same words' }
  }
  const extracted = answerOf(output, extract, expected)
  if ('missing' in extracted) return { pass: false, claim: extracted.status, rule: extracted.missing }
  const { text, source } = extracted
  // Written out, as spreading into an object that has properties is slow.
  const judged = ({ pass, type, rule }: Omit<Verdict, 'type'> & { type?: string }): Judgement => ({
    pass,
    extracted: text,
    source,
    claim: 'stated',
    type,
    rule,
  })
  if (text.length > LIMITS.candidate) return judged({ pass: false, rule: `it is longer than ${LIMITS.candidate} characters` })
  if (choice !== undefined) {
    const verdict = agreeOnChoice(text, choice, choices, policy)
    if (verdict?.pass && choices === 'auto' && problem !== undefined && hasTextOfAnother(text, choice, problem, policy))
      return judged({ pass: false, type: 'choice', rule: `choice ${choice.letter} with the text of another` })
    const said =
      verdict ?? (choices === 'auto' && problem !== undefined ? agreeOnOption(text, source, choice, problem, output, policy) : undefined)
    if (said) return judged({ ...said, type: 'choice' })
  }
  const day = problem !== undefined && DAY.test(reference.text) ? dayAsked(text, problem) : undefined
  if (day !== undefined) {
    const same = day !== '' && agree(day, reference, policy).pass
    return judged({ pass: same, type: 'date', rule: same ? 'the day of the month asked for' : 'another day' })
  }
  const asked =
    problem === undefined
      ? undefined
      : (agreeInCurrency(text, reference, problem, policy) ?? agreeInUnit(text, source, reference, problem, policy))
  const verdict = asked ?? agree(text, reference, policy)
  if (order !== undefined) {
    const [list, meant] = [asOrdered(readAnswer(text), text, order), asOrdered(wanted, reference.text, order)]
    if (list && meant) {
      const { equal } = compareAnswers(list, meant, policy)
      return judged({
        pass: equal,
        type: verdict.type,
        rule: equal ? 'same items in the order asked for' : 'not the items in the order asked for',
      })
    }
  }
  const twice =
    extract !== 'whole' && wanted.kind === 'expression' && isNumeric((wanted.either ?? wanted).node) && !SAID_OUTRIGHT.test(source)
      ? saidTwice(output.trimEnd(), text)
      : undefined
  if (twice?.same === 'no') return judged({ pass: false, type: verdict.type, rule: 'it is said in two units that disagree' })
  const named = problem !== undefined && extract !== 'whole' && text.includes('=') && wanted.kind === 'expression' && isNumeric(wanted.node)
  if (named && isOfAnotherName(text, problem))
    return judged({ pass: false, type: verdict.type, rule: 'the value of another name than the problem asks for' })
  const missed = verdict.pass && problem !== undefined ? missesForm(text, reference, problem, SAID_OUTRIGHT.test(source)) : undefined
  if (missed !== undefined) return judged({ pass: false, type: verdict.type, rule: missed })
  if (verdict.pass) return judged(verdict)
  if (problem !== undefined && areFactors(readAnswer(text), wanted, problem))
    return judged({ pass: true, type: verdict.type, rule: 'the factors, multiplied' })
  const meant = twice?.forms.slice(0, twice.same === 'exactly' ? 2 : 1)
  if (meant?.some((form) => compareAnswers(form, inUnitOf(wanted, problem), policy).equal))
    return judged({ pass: true, type: verdict.type, rule: 'the same said in another unit' })
  const usual = inUsualForm(text, reference, output, problem)
  if (usual && agree(usual.text, reference, policy).pass) return judged({ pass: true, type: verdict.type, rule: usual.rule })
  if (problem !== undefined && allowsMultiples(problem) && areMultiples(readAnswer(text), wanted))
    return judged({ pass: true, type: verdict.type, rule: 'a multiple, which the problem allows' })
  // {"answer": [2, 5]} is written with brackets, whatever the reference means by them.
  if (source === LIST_IN_JSON && wanted.kind === 'tuple' && wanted.open === '[' && agree(`[${text}]`, reference, policy).pass)
    return judged({ pass: true, type: 'list', rule: 'same entries' })
  // "(E) 14": the value beside its letter.
  const option = reference.option === undefined ? lettered(text) : undefined
  if (option && agree(option.text, reference, policy).pass)
    return judged({ pass: true, type: verdict.type, rule: `the text of choice ${option.letter}` })
  if (extract !== 'whole' && (wanted.kind === 'expression' || wanted.kind === 'list')) {
    const answer = readAnswer(text)
    const steps = source === 'whole output' ? valueOfSteps(answer) : undefined
    const value = steps ?? valueOfSum(answer) ?? valueOfFormula(answer) ?? valueOfKnown(answer, output) ?? limitOf(answer)
    if (value && compareAnswers(value, wanted, policy).equal)
      return judged({ pass: true, type: verdict.type, rule: 'value of the formula asked for' })
  }
  const chained = extract !== 'whole' && wanted.kind !== 'relation' && wanted.kind !== 'text' ? valueOfChain(text) : undefined
  if (chained !== undefined && agree(chained, reference, policy).pass)
    return judged({ pass: true, type: verdict.type, rule: 'value that the equation states' })
  const parts = reference.parts && labelledParts(text)
  if (parts && sameParts(parts, reference.parts!, policy))
    return judged({ pass: true, type: 'list', rule: 'same values of the same parts' })
  if (extract !== 'whole') {
    const more = saysMore(text, source, reference, output, problem)
    const stated = more && [more.text, valueOfChain(more.text)]
    if (stated?.some((one) => one !== undefined && agree(one, reference, policy).pass))
      return judged({ pass: true, type: verdict.type, rule: more!.rule })
    if (wanted.kind === 'text' && sameConvergence(unexplained(text, false) ?? text, reference.text))
      return judged({ pass: true, type: 'text', rule: 'the same in other words' })
  }
  return judged(verdict)
}

/** Where nothing behind the claim is part of it. */
const SAID_OUTRIGHT = /box|answer|####|JSON|whole/

/** A number in the unit that the problem asks for. */
function inUnitOf(wanted: Answer, problem: string | undefined): Answer {
  const unit = wanted.kind === 'expression' && wanted.unit === undefined && problem !== undefined ? unitAsked(problem) : undefined
  return unit === undefined || wanted.kind !== 'expression' ? wanted : { ...wanted, unit, key: '' }
}

/** The day of a month. */
const DAY = /^\W{0,4}\d{1,2}(?:st|nd|rd|th)?\W{0,4}$/

/** Each part under the name it has in the reference. Of a point the coordinates may have their letters. */
function sameParts(said: ReadonlyMap<string, string>, meant: ReadonlyMap<string, string>, policy: Policy): boolean {
  if (said.size !== meant.size) return false
  return [...meant].every(([name, value]) => {
    const text = said.get(name)
    if (text === undefined) return false
    return agree(text, referenceOf(value), policy).pass || agree(pointOf(text), referenceOf(value), policy).pass
  })
}

/** (3, -1) of "x = 3, y = -1" */
function pointOf(text: string): string {
  const found = /^x\s?=([^=,]{1,60}),\s*y\s?=([^=,]{1,60})(?:,\s*z\s?=([^=,]{1,60}))?$/.exec(text.trim())
  return found
    ? `(${found
        .slice(1)
        .filter((value) => value !== undefined)
        .join(', ')})`
    : text
}

/** The value in an answer that says more: a call whose value stands elsewhere, what a formula holds for, an explanation, a unit by its letter. */
function saysMore(
  text: string,
  source: string,
  reference: Reference,
  output: string,
  problem: string | undefined,
): { text: string; rule: string } | undefined {
  const numeric = reference.answer.kind === 'expression' && isNumeric(reference.answer.node)
  const value = numeric ? valueOfCall(text, output) : undefined
  if (value !== undefined) return { text: value, rule: 'value that the response gives to it' }
  const measured = numeric && problem !== undefined && source !== 'last number' ? withoutUnitAsked(text, problem) : undefined
  if (measured !== undefined) return { text: measured, rule: 'in the unit asked for' }
  const open = withoutDomain(text)
  if (open !== undefined) return { text: open, rule: 'what it holds for goes without saying' }
  if (!/box/.test(source)) return undefined
  const which = problem === undefined ? undefined : valueForWhich(text, problem)
  if (which !== undefined) return { text: which, rule: 'the value asked for' }
  const several = !['expression', 'text', 'relation'].includes(reference.answer.kind)
  const plain = unexplained(text, several)
  return plain === undefined ? undefined : { text: plain, rule: 'without what explains it' }
}

/** What extraction has to know. Written out, as spreading is slow. */
function expectedOf(expected: Expected, choice: boolean, problem: string | undefined): Expected {
  if (!choice && problem === undefined) return expected
  return {
    kind: choice ? 'choice' : expected.kind,
    factorial: expected.factorial,
    polar: expected.polar,
    bounds: expected.bounds,
    equation: expected.equation,
    ratio: expected.ratio,
    time: expected.time,
    ordinal: expected.ordinal,
    bare: expected.bare,
    names: expected.names,
    parts: expected.parts,
    labels: expected.labels,
    entries: expected.entries,
    problem,
  }
}

/** By the letter, or by the text of the choice. An answer that gives both must be right in both. Undefined: it gives neither. */
function agreeOnChoice(text: string, choice: Choice, choices: Choices, policy: Policy): { pass: boolean; rule: string } | undefined {
  // A small letter chooses too, but x is not X: choices seldom go beyond J.
  const letter = chosenLetter(text, choices) ?? singleLetter(text)?.match(/[a-j]/)?.[0].toUpperCase()
  if (letter !== undefined && (typeof choices !== 'object' || choices.has(letter))) {
    const said = letter === choice.letter && choice.text !== undefined ? lettered(text)?.text : undefined
    if (said !== undefined && !agree(said, referenceOf(choice.text!), policy).pass)
      return { pass: false, rule: `choice ${letter} with the text of another` }
    return { pass: letter === choice.letter, rule: `choice ${letter}` }
  }
  return choice.text === undefined ? undefined : agree(text, referenceOf(choice.text), policy)
}

/** "(B) 9", where 9 is the text of another option of the problem. */
function hasTextOfAnother(text: string, { letter }: Choice, problem: string, policy: Policy): boolean {
  const said = lettered(text)?.text
  const options = said === undefined ? undefined : optionsOf(problem)
  const own = options?.get(letter)
  if (said === undefined || options === undefined || own === undefined || agree(said, referenceOf(own), policy).pass) return false
  return [...options].some(([other, option]) => other !== letter && agree(said, referenceOf(option), policy).pass)
}

/** Where a response says a value for an option, and no number in passing. */
const SAID_FOR_OPTION = new Set(['\\boxed{}', '<answer>', '####', 'answer line', 'answer heading', 'JSON', LIST_IN_JSON])
/** A letter of an option: a sentence that names one says a value of it in passing. */
const NAMES_OPTION = /(?<![\w$\\'’])(?:[B-J](?![\w'’])|\(?A[).:]|A(?= is\b))/
const lastLine = (output: string): string => output.trimEnd().slice(-400).split('\n').at(-1)!

/** By its value, where the problem lists the options and exactly one of them equals it. */
function agreeOnOption(
  text: string,
  source: string,
  choice: Choice,
  problem: string,
  output: string,
  policy: Policy,
): { pass: boolean; rule: string } | undefined {
  const options =
    SAID_FOR_OPTION.has(source) || (source === 'last line' && !NAMES_OPTION.test(lastLine(output))) ? optionsOf(problem) : undefined
  if (!options?.has(choice.letter)) return undefined
  const equal = [...options].filter(([, option]) => agree(text, referenceOf(option), policy).pass)
  return equal.length === 1 ? { pass: equal[0][0] === choice.letter, rule: `the value of choice ${equal[0][0]}` } : undefined
}

/** The 25 of "so m + n = 25": a sum of different letters that problems ask for, stated with its value. */
function valueOfSum(answer: Answer): Answer | undefined {
  if (answer.kind !== 'relation' || answer.ops.some((op) => op !== '=')) return undefined
  const [sum, ...values] = answer.sides
  const terms = sum.kind === 'expression' ? letters(sum.node) : undefined
  if (!terms || terms.length < 2 || new Set(terms).size < terms.length) return undefined
  if (!values.every((value) => value.kind === 'expression' && isNumeric(value.node))) return undefined
  return values.slice(1).every((value) => compareAnswers(value, values[0]).equal) ? values[0] : undefined
}

const FUNCTIONS = new Set('sin cos tan cot sec csc log ln lg arg arcsin arccos arctan'.split(' '))

/** The -3/5 of "cos θ = -3/5", and the 12 of "bh/2 = 4·6/2 = 12": a function of a letter, or a formula and what is put into it. */
function valueOfFormula(answer: Answer): Answer | undefined {
  if (answer.kind === 'list') {
    const items = answer.items.map(valueOfFormula)
    const names = new Set(answer.items.map((item) => (item.kind === 'relation' ? item.sides[0].key : item)))
    return names.size === 1 && items.every((item) => item !== undefined) ? { kind: 'list', items, key: '' } : undefined
  }
  if (answer.kind !== 'relation' || answer.ops.some((op) => op !== '=')) return undefined
  const [formula, ...values] = answer.sides
  if (formula.kind !== 'expression' || isNumeric(formula.node)) return undefined
  if (!values.every((value) => value.kind === 'expression' && isNumeric(value.node))) return undefined
  const call = formula.node.kind === 'call' && FUNCTIONS.has(formula.node.name)
  const steps = values.length > 1 && values[0].kind === 'expression' && values[0].node.kind === 'binary'
  return (call || steps) && values.slice(1).every((value) => compareAnswers(value, values[0]).equal) ? values.at(-1) : undefined
}

/** "a = 3" in a response, and nothing that goes on with it. */
const KNOWN = /(?<![\w\\}'])([a-zA-Z])\s?=\s?(-?\d{1,12}(?:\.\d{1,12}|\/\d{1,12})?)(?!\w|\s?[-+*/^=<>{(\\]|[.,]\d)/g

/** The 75 of "abc + ab + 3 = 75", where the response gives a value to each of the letters and they make it so. */
function valueOfKnown(answer: Answer, output: string): Answer | undefined {
  if (answer.kind !== 'relation' || answer.sides.length !== 2 || answer.ops[0] !== '=') return undefined
  const [formula, value] = answer.sides
  if (formula.kind !== 'expression' || value.kind !== 'expression' || !isNumeric(value.node)) return undefined
  const names = variables([formula.node])
  if (names.length < 2) return undefined
  const known = new Map<string, Node>()
  for (const [, name, said] of matchesOf(output.slice(-LIMITS.tail), KNOWN)) {
    const read = names.includes(name) ? readAnswer(said) : undefined
    if (read?.kind === 'expression') known.set(name, read.node)
  }
  if (!names.every((name) => known.has(name))) return undefined
  const found: Answer = { kind: 'expression', node: substitute(formula.node, known), key: '' }
  return compareAnswers(found, value).equal ? value : undefined
}

/** The 5 of "a_n → 5". */
function limitOf(answer: Answer): Answer | undefined {
  if (answer.kind !== 'logic' || answer.op !== 'to' || answer.items.length !== 2) return undefined
  const [of, limit] = answer.items
  const numeric = limit.kind === 'expression' && isNumeric(limit.node)
  // "x → 3" says where, and not what comes out.
  const place = of.kind === 'expression' && of.node.kind === 'symbol' && of.node.name.length === 1
  return numeric && of.kind === 'expression' && !isNumeric(of.node) && !place ? limit : undefined
}

/** The letters of a sum of letters alone. */
function letters(node: Node): string[] | undefined {
  if (node.kind === 'symbol') return [node.name]
  if (node.kind !== 'binary' || node.op !== '+') return undefined
  const left = letters(node.left)
  const right = left && letters(node.right)
  return right && [...left, ...right]
}

const POINT = /\d\.\d/

/** The reading in which 27,108,135 is a list; 1,000 never is. */
function separated(text: string): Answer | undefined {
  if (!/\d,\d{3}/.test(text) || /\d,0\d\d(?!\d)/.test(text)) return undefined
  const list = readAnswer(text, false)
  return list.kind === 'list' ? list : undefined
}

function agree(text: string, reference: Reference, policy: Policy): Verdict {
  const { units, lists, tolerance, shared } = policy
  const usual = units === DEFAULT_POLICY.units && lists === DEFAULT_POLICY.lists && tolerance === undefined && shared === undefined
  return usual ? reference.verdicts.of(text, () => compare(text, reference, policy)) : compare(text, reference, policy)
}

/** The plain readings first, then commas the other way: as separators of a list, or as decimal commas. */
function compare(text: string, reference: Reference, policy: Policy): Verdict {
  const answer = readAnswer(text)
  const wanted = reference.answer
  const type = describe(answer)
  const pieces = samePiecewise(text, reference.text)
  if (pieces === 'lost') return { pass: false, type, rule: 'it does not say which case has which value' }
  if (pieces) return { pass: true, type: 'cases', rule: 'same function in every case' }
  const residues = sameCongruence(text, reference.text)
  if (residues !== undefined) return { pass: residues, type: 'congruence', rule: residues ? 'same residues' : 'other residues' }
  const cycles = samePermutation(text, reference.text)
  if (cycles !== undefined) return { pass: cycles, type: 'permutation', rule: cycles ? 'same permutation' : 'another permutation' }
  const chemistry = sameChemistry(text, reference.text)
  if (chemistry) return { pass: chemistry.same, type: chemistry.type, rule: `${chemistry.same ? 'the same' : 'another'} ${chemistry.type}` }
  const span = sameSpan(text, reference.text)
  if (span !== undefined) return { pass: span, type: 'span', rule: span ? 'same subspace' : 'another subspace' }
  const family = sameFamily(text, reference.text)
  if (family !== undefined)
    return { pass: family, type: 'family', rule: family ? 'same values of the parameter' : 'other values of the parameter' }
  const values = sameValuesOfFamilies(text, reference.text)
  if (values) return { pass: true, type: 'family', rule: 'same values of the parameter' }
  const time = sameTime(text, reference.text) ?? sameDuration(text, wanted, policy)
  if (time !== undefined) return { pass: time, type: 'time of day', rule: time ? 'same time of day' : 'another time of day' }
  const [said, asked] = inDollars(text, answer, reference.text, wanted)
  const { equal, rule } = compareAnswers(said, asked, policy)
  if (equal) return { pass: true, type, rule }
  if (answer.kind === 'text' && wanted.kind === 'text' && withoutNoun(answer.text) === plainWords(wanted.text))
    return { pass: true, type, rule: 'the noun goes without saying' }
  const open = withoutQuantifier(text)
  const openReference = withoutQuantifier(reference.text)
  if (open !== undefined || openReference !== undefined) {
    const said = open === undefined ? answer : readAnswer(open.bare)
    const meant = openReference === undefined ? wanted : readAnswer(openReference.bare)
    const begins = open?.from === undefined || openReference?.from === undefined || open.from === openReference.from
    if (begins && said.kind !== 'text' && compareAnswers(said, meant, policy).equal)
      return { pass: true, type: describe(said), rule: 'for all values' }
  }
  const [curve, meantCurve] = [asCurve(answer), asCurve(wanted)]
  if ((curve !== answer || meantCurve !== wanted) && compareAnswers(curve, meantCurve, policy).equal)
    return { pass: true, type, rule: 'y for the value of the function' }
  if (sameRecurrence(text, reference.text, (one, other) => compareAnswers(one, other, policy).equal))
    return { pass: true, type, rule: 'its index shifted' }
  if (sameUpToNames(text, reference.text, (one, other) => compareAnswers(one, other, policy).equal))
    return { pass: true, type, rule: 'its constants, indices or arguments by other names' }
  if (sameGeneralSolution(text, reference.text)) return { pass: true, type, rule: 'same span of solutions' }
  const reworded = sameInOtherWords(text, reference.text, (one, other) => compareAnswers(one, other, policy).equal)
  if (reworded !== undefined) return { pass: true, type, rule: reworded }
  // "9/20, or 45%": the same said twice.
  if (answer.kind === 'list' && answer.items.length === 2 && compareAnswers(answer.items[0], answer.items[1], policy).equal) {
    if (answer.items.some((item) => compareAnswers(item, wanted, policy).equal)) return { pass: true, type, rule: 'the same said twice' }
  }
  if (answer.kind === 'text' && wanted.kind === 'text') {
    const predicate = withoutSubject(answer.text)
    if (predicate !== undefined && plainWords(predicate) === plainWords(wanted.text))
      return { pass: true, type, rule: 'the subject goes without saying' }
  }
  const list = separated(text)
  const other = list && compareAnswers(list, wanted, policy)
  if (list && other?.equal) return { pass: true, type: describe(list), rule: other.rule }
  const wantedList = separated(reference.text)
  const way = wantedList && compareAnswers(answer, wantedList, policy)
  if (way?.equal) return { pass: true, type, rule: way.rule }
  const decimal = POINT.test(reference.text) ? readDecimalComma(text) : undefined
  const decimalReference = POINT.test(text) ? reference.decimal : undefined
  const measured = readMeasuredComma(text)
  const measuredReference = readMeasuredComma(reference.text)
  const comma =
    (decimal && compareAnswers(decimal, wanted, policy).equal) ||
    (decimalReference && compareAnswers(answer, decimalReference, policy).equal) ||
    ((measured || measuredReference) && compareAnswers(measured ?? answer, measuredReference ?? wanted, policy).equal)
  return comma ? { pass: true, type: 'number', rule: 'decimal comma' } : { pass: false, type, rule }
}

/** y = 2x + 1 for f(x) = 2x + 1. */
function asCurve(answer: Answer): Answer {
  if (answer.kind !== 'relation' || answer.sides.length !== 2 || answer.ops[0] !== '=' || !/^[fgh]\(?x\)?$/.test(answer.sides[0].key))
    return answer
  return { ...answer, sides: [readAnswer('y'), answer.sides[1]], key: '' }
}

/** "2:30 hours" */
const CLOCKED = /^(\d{1,3}):([0-5]\d)(?: ?(hours|hrs|hr|h)| ?(minutes|mins|min))[.]?$/i

/** Whether hours and minutes, or minutes and seconds, on a clock are the quantity. Undefined: there is none. */
function sameDuration(text: string, wanted: Answer, policy: Policy): boolean | undefined {
  const clocked = CLOCKED.exec(text.trim())
  if (!clocked || wanted.kind !== 'expression' || wanted.unit === undefined) return undefined
  const [, whole, part, inHours] = clocked
  const said = readAnswer(inHours === undefined ? `${whole} minutes ${part} seconds` : `${whole} hours ${part} minutes`)
  return compareAnswers(said, wanted, policy).equal
}

/** In what a problem asks for a price: "in dollars", "How many cents". */
const CURRENCY_ASKED = /\b(?:in|how many) (?:US )?(dollars|cents)\b/gi

/** A price in cents where the problem asks for dollars, or the other way round, beside a reference without a unit. */
function agreeInCurrency(text: string, reference: Reference, problem: string, policy: Policy): Verdict | undefined {
  const wanted = reference.answer
  if (wanted.kind !== 'expression' || wanted.unit !== undefined || /[$¢€£%]/.test(reference.text)) return undefined
  const currencies = new Set(matchesOf(askedOf(problem).sentence, CURRENCY_ASKED).map(([, one]) => one.toLowerCase()))
  if (currencies.size !== 1) return undefined
  const [unit] = currencies
  const answer = readAnswer(text)
  if (answer.kind !== 'expression') return undefined
  const said = answer.unit === undefined && PRICE.test(text) ? { ...answer, unit: 'dollars' } : answer
  if (said.unit === undefined || !(unit === 'dollars' ? /^(?:cents?|¢|pennies)$/i : /^(?:dollars?|\$|usd)$/i).test(said.unit))
    return undefined
  const { equal, rule } = compareAnswers(said, { ...wanted, unit, key: '' }, policy)
  return { pass: equal, type: describe(said), rule: equal ? `a price in ${unit}` : rule }
}

/** A quantity in another unit than the problem asks for, beside a number that is meant in that one: 0.85 m beside 85, "in centimeters". */
function agreeInUnit(text: string, source: string, reference: Reference, problem: string, policy: Policy): Verdict | undefined {
  const wanted = reference.answer
  if (policy.units !== 'optional' || wanted.kind !== 'expression' || wanted.unit !== undefined || !isNumeric(wanted.node)) return undefined
  const answer = readAnswer(text)
  const letters = source === 'last number' ? undefined : inLetters(answer)
  const said = letters ?? answer
  if (said.kind !== 'expression' || said.unit === undefined) return undefined
  const unit = unitAsked(problem)
  if (unit === undefined) return undefined
  if (isOfAnotherKind(said.unit, unit)) return { pass: false, type: describe(said), rule: `the problem asks for ${unit}` }
  const own = letters && letterAsked(letters.unit, unit)
  if (own === undefined && !isOtherUnit(said.unit, unit)) return undefined
  const { equal } = compareAnswers(own === undefined ? said : { ...letters!, unit: own }, { ...wanted, unit, key: '' }, policy)
  return { pass: equal, type: describe(said), rule: equal ? `the same in ${unit}` : `the problem asks for ${unit}` }
}

/** 13.1 V, alone or behind its name, with the letters as a unit. They may be variables, unless the problem asks in it. */
function inLetters(answer: Answer): (Answer & { kind: 'expression'; unit: string }) | undefined {
  const named = answer.kind === 'relation' && answer.sides.length === 2 && answer.ops[0] === '=' && isName(answer.sides[0])
  const value = named ? answer.sides[1] : answer
  return value.kind === 'expression' && value.unit === undefined && value.either
    ? { ...value, ...value.either, either: undefined }
    : undefined
}

/** A price with its sign alone. */
const PRICE = /^[\s*]{0,4}-?\\?\$\s?\d[\d,]*(?:\.\d+)?[\s*.]{0,4}$/

const OTHER_CURRENCY = /^(?:euros?|eur|€|pounds? sterling|gbp|£|yen|¥|rupees?|inr|yuan|rmb)$/i

/** Both sides, a price in dollars where the other one has a currency too: $0.85 beside 85 cents. */
function inDollars(text: string, answer: Answer, reference: string, wanted: Answer): [Answer, Answer] {
  const priced = (of: string, value: Answer, other: Answer): Answer => {
    if (value.kind !== 'expression' || other.kind !== 'expression' || value.unit !== undefined || other.unit === undefined) return value
    return PRICE.test(of) && (typeof relateUnits('dollars', other.unit) === 'object' || OTHER_CURRENCY.test(other.unit))
      ? { ...value, unit: 'dollars' }
      : value
  }
  return [priced(text, answer, wanted), priced(reference, wanted, answer)]
}

function describe(answer: Answer): string {
  if (answer.kind !== 'expression') return answer.kind === 'operation' || answer.kind === 'reals' ? 'set of reals' : answer.kind
  if (answer.node.kind === 'percent') return 'percent'
  const number = answer.node.kind === 'number' || (answer.node.kind === 'negate' && answer.node.of.kind === 'number')
  return `${number ? 'number' : 'expression'}${answer.unit === undefined ? '' : ' with unit'}`
}
