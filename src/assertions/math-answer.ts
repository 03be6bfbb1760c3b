import { type ConfigObject, readEnum } from '../config-keys.ts'
import { ConfigError } from '../engine/errors.ts'
import { EXTRACTIONS } from './answer/extract.ts'
import { judgeAnswer } from './answer/judge.ts'
import { LIMITS } from './answer/limits.ts'
import { type AssertionContext, type AssertionResult, excerpt, runAssertion } from './grading.ts'

const NAME = 'mathAnswer'
const KEYS = ['answer', 'extract'] as const

/**
 * Is the final answer of a response mathematically equal to the reference? Numbers are compared exactly; roots, powers,
 * π and variables at high precision; tuples, intervals, sets, lists, matrices, equations, inequalities and choices by
 * their parts; everything else as text without case. No text of a model is ever evaluated as code. Metric: `answer`.
 *
 * The reference is the test variable `answer`: a text, a number, or a list of them of which any may match.
 *
 * Config:
 * - `answer`: overrides the test variable;
 * - `extract` (`auto`): `auto` looks for the last \boxed{}, <answer>, ####, "the answer is", a formula or number at the
 *   end; `boxed` and `final-answer` for that form only; `whole` takes the output as it is.
 */
export function mathAnswer(output: unknown, context?: AssertionContext): AssertionResult {
  return runAssertion(NAME, KEYS, output, context, grade)
}

function grade(text: string, config: ConfigObject, context: AssertionContext): AssertionResult {
  const how = readEnum(config, 'extract', 'auto', `the config of ${NAME}`, EXTRACTIONS)
  const references = readReferences(config.answer ?? context.vars?.answer)
  const judgement = judgeAnswer(text, references, how)
  const wanted = references.map((reference) => excerpt(reference, 80)).join(' or ')
  const metadata = {
    extracted: judgement.extracted === undefined ? null : excerpt(judgement.extracted, 400),
    source: judgement.source ?? null,
    type: judgement.type ?? null,
  }
  if (judgement.extracted === undefined) {
    return { pass: false, score: 0, reason: `No answer found: ${judgement.reason}. Expected ${wanted}.`, metadata }
  }
  const head = `"${excerpt(judgement.extracted)}" (${judgement.source}; ${judgement.reason})`
  const reason = judgement.pass ? `${head} equals the reference ${wanted}.` : `${head} is not the reference ${wanted}.`
  return { pass: judgement.pass, score: judgement.pass ? 1 : 0, reason, metadata }
}

function readReferences(value: unknown): string[] {
  const values: unknown[] = Array.isArray(value) ? value : [value]
  const wrong = (why: string): ConfigError =>
    new ConfigError(
      `${NAME} needs a reference answer: ${why}. Got ${excerpt(JSON.stringify(value) ?? 'nothing')}. Set the test variable "answer" (or config.answer) to the right answer, or a list of right answers.`,
    )
  if (values.length === 0) throw wrong('the list is empty')
  return values.map((one) => {
    if (one === undefined || one === null) throw wrong('there is none')
    if (typeof one !== 'string' && typeof one !== 'number' && typeof one !== 'bigint') throw wrong('it is no text and no number')
    const text = String(one).trim()
    if (text === '') throw wrong('it is empty')
    if (text.length > LIMITS.candidate) throw wrong(`it has more than ${LIMITS.candidate} characters`)
    return text
  })
}
