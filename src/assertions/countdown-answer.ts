import type { ConfigObject } from '../config-keys.ts'
import { ConfigError } from '../engine/errors.ts'
import { checkStatements, type Verdict } from './countdown/check.ts'
import { LIMITS, readStatements, Unreadable } from './countdown/expression.ts'
import { extractCandidate } from './countdown/extract.ts'
import { type AssertionContext, type AssertionResult, answerable, excerpt, runAssertion } from './grading.ts'
import { parseRational, type Rational, show } from './rational.ts'

const KEYS = ['numbers', 'target'] as const

/**
 * Reaches the response the target with the given numbers, each used exactly once, with + - * / and parentheses?
 * The answer is the last `Answer:` line, else the last `\boxed{}`, else the last line that is arithmetic: one
 * expression, optionally `= 17`, or steps such as `11 + 1 = 12; 5 + 12 = 17`. Arithmetic is exact. Metric: `answer`.
 *
 * `metadata.vote` is what the answer counts as in a majority: the value that it reaches, however it is written. An answer
 * that uses the numbers wrongly or states something false votes apart from those that do not, for it is another answer
 * even where the value is the same. What has no value has no vote. All of this is known without knowing who is right.
 *
 * Config, each of which overrides the test variable of the same name:
 * - `numbers`: a list, or text such as "11 1 5", "11, 1, 5" or "[11, 1, 5]";
 * - `target`: a number or its text.
 */
export function countdownAnswer(output: unknown, context?: AssertionContext): AssertionResult {
  return runAssertion('countdownAnswer', KEYS, output, context, grade)
}

function grade(text: string, config: ConfigObject, context: AssertionContext): AssertionResult {
  const numbers = readNumbers(config.numbers ?? context.vars?.numbers)
  const target = readTarget(config.target ?? context.vars?.target)
  const candidate = extractCandidate(answerable(text, context))
  if (!candidate || candidate.text.trim() === '') {
    const reason = candidate ? `the ${candidate.source} is empty` : 'no answer line, no \\boxed{} and no line that is arithmetic'
    return { pass: false, score: 0, reason: `No answer found: ${reason}.`, metadata: { extracted: null, vote: null } }
  }
  const verdict = judge(candidate.text, numbers, target)
  return {
    pass: verdict.pass,
    score: verdict.pass ? 1 : 0,
    reason: `"${excerpt(candidate.text)}" (${candidate.source}): ${verdict.reason}.`,
    metadata: {
      extracted: excerpt(candidate.text, 400),
      source: candidate.source,
      ...(verdict.value ? { value: show(verdict.value) } : {}),
      vote: voteOf(verdict),
    },
  }
}

function voteOf({ value, valid }: Verdict): string | null {
  if (!value) return null
  return valid ? show(value) : `${show(value)}, not as asked`
}

/** A comma may separate steps or thousands: steps first. */
function judge(text: string, numbers: readonly Rational[], target: Rational): Verdict {
  const read = (thousands: boolean): Verdict => {
    try {
      return checkStatements(readStatements(text, thousands), numbers, target)
    } catch (error) {
      if (error instanceof Unreadable) return { pass: false, valid: false, reason: error.message }
      throw error
    }
  }
  const plain = read(false)
  if (plain.pass || !/\d,\d{3}/.test(text)) return plain
  const grouped = read(true)
  return grouped.pass ? grouped : plain
}

function readNumbers(value: unknown): Rational[] {
  const wrong = (why: string): ConfigError =>
    new ConfigError(
      `The numbers of the problem must be given: ${why}. Got ${excerpt(JSON.stringify(value) ?? 'nothing')}. Set the test variable "numbers" (or config.numbers) to e.g. [11, 1, 5].`,
    )
  if (value === undefined || value === null) throw wrong('there are none')
  const parts = Array.isArray(value)
    ? value.map(String)
    : String(value)
        .replace(/[[\](){}]/g, ' ')
        .split(/[\s,;]+/)
        .filter((part) => part !== '')
  if (parts.length === 0 || parts.length > LIMITS.numbers) throw wrong(`1 to ${LIMITS.numbers} are possible`)
  return parts.map((part) => {
    const number = part.length <= LIMITS.digits ? parseRational(part) : undefined
    if (!number || number.n < 0n) throw wrong(`"${excerpt(part, 40)}" is no number of 0 or more`)
    return number
  })
}

function readTarget(value: unknown): Rational {
  const text = value === undefined || value === null ? '' : String(value)
  const target = text.length <= LIMITS.digits ? parseRational(text) : undefined
  if (target) return target
  throw new ConfigError(
    `The target of the problem must be a number. Got ${excerpt(JSON.stringify(value) ?? 'nothing')}. Set the test variable "target" (or config.target) to e.g. 17.`,
  )
}
