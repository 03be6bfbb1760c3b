import { type ConfigObject, readEnum } from '../config-keys.ts'
import { type Parsed, parseThinking } from '../thinking/grammar.ts'
import { extractAnswer } from './answer/claims/extract.ts'
import { DEFAULT_MANNER, judgeAnswer } from './answer/judge.ts'
import { LIMITS } from './answer/limits.ts'
import { type Block, readBlocks } from './blocks.ts'
import { type AssertionContext, type AssertionResult, boundedResult, excerpt, runAssertion } from './grading.ts'
import { readReferences } from './references.ts'

const NAME = 'pathAgreement'
const KEYS = ['blocks', 'answer', 'min', 'max'] as const

/**
 * Bounds of the work: paths of a block that are read, and characters that are searched for answers in all. A path or summary costs what
 * it has, at most LONGEST because the answer stands at its end, and some for being read at all. The last blocks come first.
 */
const MAX_PATHS = 16
const MAX_CHARACTERS = 20_000
const LONGEST = 600
const EACH = 400
/** Of a path or summary so many characters are read, its last ones. */
const READ = 2000
/** Units of numeric work for all comparisons, some 25 ms. */
const WORK = LIMITS.work / 2

/**
 * How many paths come to the answer that the response gives in the end? Score = share of paths whose answer equals the
 * final one (found and compared as `mathAnswer` does), 0 without paths or without a final answer. Metric: `agreement`.
 *
 * Where the reference is known (test variable `answer`) a *rescue* is told as well: a block whose summary has the right
 * answer although most of its paths have not. It is the named score `rescue`, 1 or 0.
 *
 * Of very many paths the last are read, of a path its last 2,000 characters, and numeric comparisons end with their allowance; the reason says so.
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
  const parsed = parseThinking(text)
  const all = readBlocks(text, context, {}, parsed)
  const asked = which === 'last' ? all.slice(-1) : all
  const blocks = affordable(asked)
  const paths = blocks.flatMap((block) => block.paths)
  const judge = judging()
  const final = finalAnswer(text, parsed)
  const agreeing = final === undefined ? 0 : paths.filter((path) => judge.equals(path, [final])).length
  const score = paths.length === 0 ? 0 : agreeing / paths.length
  const rescued = references && blocks.some((block) => isRescue(block, (said) => judge.equals(said, references)))
  const said = final === undefined ? 'no final answer' : `final answer ${excerpt(final, 60)}`
  const reason =
    paths.length === 0
      ? 'No paths, so agreement is 0'
      : `${agreeing} of ${paths.length} paths agree: ${said}${rescued ? '; a summary is right where most of its paths are wrong' : ''}`
  const unread = asked.reduce((sum, block) => sum + block.paths.length, 0) - paths.length
  const bounds = `${unread > 0 ? `; ${unread} more paths were not read` : ''}${judge.spent() ? '; too complex to compare all' : ''}`
  const result = boundedResult(score, config, NAME, reason + bounds, {
    paths: paths.length,
    agreeing,
    final: final === undefined ? null : excerpt(final, 400),
    rescue: rescued ?? null,
  })
  return rescued === undefined ? result : { ...result, namedScores: { rescue: rescued ? 1 : 0 } }
}

/** The answer behind the last block; of a response without tags, its answer. */
function finalAnswer(text: string, { tree }: Parsed): string | undefined {
  const last = tree.parts.findLast(({ kind }) => kind === 'block')
  const behind = last ? text.slice(last.end) : text
  const extracted = extractAnswer(behind, 'auto', { kind: 'other', factorial: true })
  return 'missing' in extracted || extracted.text.length > LIMITS.candidate ? undefined : extracted.text
}

/** The last blocks that are within the bounds, each with its first paths. */
function affordable(blocks: readonly Block[]): Block[] {
  const taken: Block[] = []
  let left = MAX_CHARACTERS
  for (let i = blocks.length - 1; i >= 0; i--) {
    const { summary = '', ...block } = blocks[i]
    const paths = block.paths.slice(0, MAX_PATHS)
    for (const said of [...paths, summary]) left -= EACH + Math.min(said.length, LONGEST)
    if (left < 0) break
    taken.push({ ...block, paths, summary: blocks[i].summary })
  }
  return taken.reverse()
}

/** Judges what paths say, the same text once, within one allowance of numeric work for all. */
function judging(): { equals: (said: string, references: readonly string[]) => boolean; spent: () => boolean } {
  const shared = { left: WORK }
  const manner = { ...DEFAULT_MANNER, policy: { ...DEFAULT_MANNER.policy, shared } }
  const known = new Map<readonly string[] | string, Map<string, boolean>>()
  const equals = (said: string, references: readonly string[]): boolean => {
    const key = references.length === 1 ? references[0] : references
    const verdicts = known.get(key) ?? new Map<string, boolean>()
    known.set(key, verdicts)
    const verdict = verdicts.get(said) ?? judgeAnswer(said.slice(-READ), references, manner).pass
    verdicts.set(said, verdict)
    return verdict
  }
  return { equals, spent: () => shared.left < 0 }
}

function isRescue(block: Block, right: (said: string) => boolean): boolean {
  if (block.paths.length === 0 || block.summary === undefined) return false
  const wrong = block.paths.filter((path) => !right(path)).length
  return 2 * wrong > block.paths.length && right(block.summary)
}
