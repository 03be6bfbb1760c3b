import { type ConfigObject, checkKeys, readEnum, readNumber } from '../config-keys.ts'
import { ConfigError } from '../engine/errors.ts'
import { isObject } from '../json.ts'
import type { Choices } from './answer/claims/choice.ts'
import { EXTRACTIONS, type Extraction } from './answer/claims/extract.ts'
import { type Judgement, judgeAnswer, type Manner } from './answer/judge.ts'
import { LIMITS, type Policy } from './answer/limits.ts'
import { paperStrict } from './answer/paper.ts'
import { type AssertionContext, type AssertionResult, answerable, excerpt, runAssertion } from './grading.ts'
import { isReference, readReferences } from './references.ts'

const NAME = 'mathAnswer'
const WHERE = `the config of ${NAME}`
const KEYS = ['answer', 'extract', 'tolerance', 'units', 'choices', 'lists', 'mode'] as const
const MODES = ['robust', 'paper-strict', 'both'] as const

/**
 * Is the final answer of a response mathematically equal to the reference? Numbers are compared exactly; roots, powers,
 * π and variables at high precision; tuples, intervals, sets, lists, matrices, equations, inequalities and choices by
 * their parts; everything else as text without case. No text of a model is ever evaluated as code. Metric: `answer`.
 *
 * The reference is the test variable `answer`: a text, a number, or a list of them of which any may match. One that
 * can't be read is a configuration error.
 *
 * Config, see docs/rubric.md:
 * - `answer`: overrides the test variable;
 * - `extract` (`auto`): `auto` looks for the last \boxed{}, <answer>, ####, "the answer is", a formula or number at the
 *   end; `boxed` and `final-answer` for that form only; `whole` takes the output as it is; `{ marker: "Result:" }` what
 *   stands behind the last such marker;
 * - `tolerance` (none): relative error that constants may have, or `{ absolute, relative }`;
 * - `units` (`optional`): `required` asks for a unit where the reference has one and none where it has none, `ignore` drops them;
 * - `choices` (`auto`: a reference of one capital letter is a choice): true, false, or what the letters stand for, as a
 *   mapping or a list: the letter and its text then count alike;
 * - `lists` (`unordered`): `ordered` compares comma lists item by item;
 * - `mode` (`robust`): `paper-strict` is the rule of the Parallel-R1 code (last 300 characters, string equality); `both`
 *   decides by the robust rule and reports `answer-robust` and `answer-paper-strict` as named scores.
 */
export function mathAnswer(output: unknown, context?: AssertionContext): AssertionResult {
  return runAssertion(NAME, KEYS, output, context, grade)
}

function grade(output: string, config: ConfigObject, context: AssertionContext): AssertionResult {
  const text = answerable(output, context)
  const mode = readEnum(config, 'mode', 'robust', WHERE, MODES)
  const manner: Manner = {
    extract: readExtraction(config.extract),
    policy: readPolicy(config),
    choices: readChoices(config.choices),
    problem: problemOf(context),
  }
  const references = readReferences(config.answer ?? context.vars?.answer, NAME)
  if (mode === 'paper-strict') return paperResult(text, references)
  const result = robustResult(judgeAnswer(text, references, manner), references)
  if (mode === 'robust') return result
  const paper = paperResult(text, references)
  return {
    ...result,
    reason: `${result.reason} By the paper's rule: ${paper.pass ? 'right' : 'wrong'}.`,
    namedScores: { 'answer-robust': result.score, 'answer-paper-strict': paper.score },
    metadata: { ...result.metadata, paperStrict: paper.metadata },
  }
}

function robustResult(judgement: Judgement, references: readonly string[]): AssertionResult {
  const wanted = shown(references)
  const { pass, extracted, source, claim, type, rule } = judgement
  const metadata = {
    extracted: extracted === undefined ? null : excerpt(extracted, 400),
    source: source ?? null,
    claim: claim ?? null,
    type: type ?? null,
    rule: extracted === undefined ? null : rule,
  }
  if (extracted === undefined) return { pass: false, score: 0, reason: `No answer found: ${rule}. Expected ${wanted}.`, metadata }
  const read = `"${excerpt(extracted)}" (the last standing claim, ${place(source ?? '')}), read as ${type ?? 'nothing'},`
  const reason = pass ? `${read} equals the reference ${wanted}: ${rule}.` : `${read} is not the reference ${wanted}: ${rule}.`
  return { pass, score: pass ? 1 : 0, reason, metadata }
}

/** "stated in the answer line" */
const place = (source: string): string =>
  source.startsWith('behind') ? source : `stated in ${/^[a-z]/.test(source) ? 'the ' : ''}${source}`

function paperResult(text: string, references: readonly string[]): AssertionResult {
  const wanted = shown(references)
  const results = references.map((reference) => paperStrict(text, reference))
  const pass = results.some((result) => result.pass)
  const extracted = results[0].extracted
  const metadata = {
    extracted: extracted === undefined ? null : excerpt(extracted, 400),
    source: extracted === undefined ? null : 'last "Final Answer:" line of the last 300 characters',
    type: extracted === undefined ? null : 'text',
    rule: extracted === undefined ? null : 'equal strings after Minerva normalisation',
  }
  if (extracted === undefined) {
    return { pass, score: 0, reason: `No answer found: no "Final Answer:" line in the last 300 characters. Expected ${wanted}.`, metadata }
  }
  const verdict = pass ? 'equals' : 'is not'
  return {
    pass,
    score: pass ? 1 : 0,
    reason: `"${excerpt(extracted)}" ${verdict} the reference ${wanted} as a string (paper-strict).`,
    metadata,
  }
}

const shown = (references: readonly string[]): string => references.map((reference) => excerpt(reference, 80)).join(' or ')

/** The text of the problem, of the test variable `problem` or `question`. */
function problemOf({ vars }: AssertionContext): string | undefined {
  const problem = vars?.problem ?? vars?.question
  return typeof problem === 'string' && problem !== '' ? problem : undefined
}

function readExtraction(value: unknown): Extraction {
  if (isObject(value)) {
    checkKeys(value, ['marker'], `"extract" in ${WHERE}`)
    const { marker } = value
    if (typeof marker === 'string' && marker.trim() !== '' && marker.length <= 200) return { marker }
    throw new ConfigError(
      `"marker" of "extract" in ${WHERE} must be text of at most 200 characters. Got ${excerpt(JSON.stringify(marker) ?? 'nothing')}. Write e.g. extract: { marker: "Result:" }.`,
    )
  }
  return readEnum({ extract: value }, 'extract', 'auto', WHERE, EXTRACTIONS)
}

function readPolicy(config: ConfigObject): Policy {
  const units = readEnum(config, 'units', 'optional', WHERE, ['optional', 'required', 'ignore'])
  const lists = readEnum(config, 'lists', 'unordered', WHERE, ['unordered', 'ordered'])
  const { tolerance } = config
  if (tolerance === undefined || tolerance === null) return { units, lists }
  const mapping = typeof tolerance === 'object' && !Array.isArray(tolerance)
  const where = mapping ? `"tolerance" in ${WHERE}` : WHERE
  const source: ConfigObject = mapping ? (tolerance as ConfigObject) : { tolerance }
  if (mapping) checkKeys(source, ['absolute', 'relative'], where)
  const relative = readNumber(source, mapping ? 'relative' : 'tolerance', 0, where, { min: 0, max: 1 })
  const absolute = mapping ? readNumber(source, 'absolute', 0, where, { min: 0 }) : 0
  return { units, lists, tolerance: { absolute, relative } }
}

function readChoices(value: unknown): Choices {
  if (value === undefined || value === null || value === 'auto') return 'auto'
  if (value === true || value === 'true') return true
  if (value === false || value === 'false') return false
  const entries: [string, unknown][] = Array.isArray(value)
    ? value.map((text, i): [string, unknown] => [String.fromCharCode(65 + i), text])
    : typeof value === 'object'
      ? Object.entries(value)
      : []
  const wrong = entries.find(([letter, text]) => !/^[A-Za-z]$/.test(letter) || !isReference(text) || String(text).length > LIMITS.candidate)
  if (entries.length === 0 || entries.length > 26 || wrong) {
    throw new ConfigError(
      `"choices" in ${WHERE} must be auto, true, false, or 1 to 26 choices by letter. Got ${excerpt(JSON.stringify(wrong ?? value) ?? 'nothing')}. Write e.g. choices: { A: "12", B: "15" } or choices: ["12", "15"].`,
    )
  }
  return new Map(entries.map(([letter, text]) => [letter.toUpperCase(), String(text)]))
}
