import { type ConfigObject, readEnum } from '../config-keys.ts'
import { parseThinking } from '../thinking/grammar.ts'
import { extractAnswer } from './answer/extract.ts'
import { judgeAnswer } from './answer/judge.ts'
import { LIMITS } from './answer/limits.ts'
import { type Block, readBlocks } from './blocks.ts'
import { type AssertionContext, type AssertionResult, boundedResult, excerpt, runAssertion } from './grading.ts'
import { readReferences } from './references.ts'

const NAME = 'pathAgreement'
const KEYS = ['blocks', 'answer', 'min', 'max'] as const

/** Bounds of the work: blocks and paths of a block that are read. */
const MAX_BLOCKS = 64
const MAX_PATHS = 16

/**
 * How many paths come to the answer that the response gives in the end? Score = share of paths whose answer equals the
 * final one (found and compared as `mathAnswer` does), 0 without paths or without a final answer. Metric: `agreement`.
 *
 * Where the reference is known (test variable `answer`) a *rescue* is told as well: a block whose summary has the right
 * answer although most of its paths have not. It is the named score `rescue`, 1 or 0.
 *
 * Config: `blocks` (`all`) or `last`; `answer` overrides the test variable; `min`, `max` bound the score, without them
 * it always passes.
 */
export function pathAgreement(output: unknown, context?: AssertionContext): AssertionResult {
  return runAssertion(NAME, KEYS, output, context, grade)
}

function grade(text: string, config: ConfigObject, context: AssertionContext): AssertionResult {
  const which = readEnum(config, 'blocks', 'all', `the config of ${NAME}`, ['all', 'last'])
  const reference = config.answer ?? context.vars?.answer
  const references = reference === undefined || reference === null ? undefined : readReferences(reference, NAME)
  const all = readBlocks(text, context)
  const blocks = which === 'last' ? all.slice(-1) : all.slice(-MAX_BLOCKS)
  const paths = blocks.flatMap((block) => block.paths.slice(0, MAX_PATHS))
  const final = finalAnswer(text)
  const agreeing = final === undefined ? 0 : paths.filter((path) => judgeAnswer(path, [final]).pass).length
  const score = paths.length === 0 ? 0 : agreeing / paths.length
  const rescued = references && blocks.some((block) => isRescue(block, references))
  const said = final === undefined ? 'no final answer' : `final answer ${excerpt(final, 60)}`
  const reason =
    paths.length === 0
      ? 'No paths, so agreement is 0'
      : `${agreeing} of ${paths.length} paths agree: ${said}${rescued ? '; a summary is right where most of its paths are wrong' : ''}`
  const result = boundedResult(score, config, NAME, reason, {
    paths: paths.length,
    agreeing,
    final: final === undefined ? null : excerpt(final, 400),
    rescue: rescued ?? null,
  })
  return rescued === undefined ? result : { ...result, namedScores: { rescue: rescued ? 1 : 0 } }
}

/** The answer behind the last block; of a response without tags, its answer. */
function finalAnswer(text: string): string | undefined {
  const last = parseThinking(text).tree.parts.findLast(({ kind }) => kind === 'block')
  const behind = last ? text.slice(last.end) : text
  const extracted = extractAnswer(behind, 'auto', { kind: 'other', factorial: true })
  return 'missing' in extracted || extracted.text.length > LIMITS.candidate ? undefined : extracted.text
}

function isRescue(block: Block, references: readonly string[]): boolean {
  if (block.paths.length === 0 || block.summary === undefined) return false
  const right = (said: string): boolean => judgeAnswer(said, references).pass
  const wrong = block.paths.slice(0, MAX_PATHS).filter((path) => !right(path)).length
  return 2 * wrong > block.paths.slice(0, MAX_PATHS).length && right(block.summary)
}
