import { type ConfigObject, readBoolean, readInt } from '../config-keys.ts'
import { readBlocks, responseMetadata } from './blocks.ts'
import { type AssertionContext, type AssertionResult, runAssertion } from './grading.ts'

const NAME = 'parallelUsed'
const KEYS = ['minBlocks', 'minPaths', 'valid'] as const

/**
 * Does the response think in parallel: has it at least one valid block? Score 1 or 0, so its mean is the parallel
 * ratio. A block counts when it breaks no rule itself; tags astray elsewhere do not matter. Metric: `parallel`.
 *
 * A provider in mode `sequential` is not asked for a block: its response passes without one, and its score is 0 all the same.
 *
 * Config: `minBlocks` (1) blocks needed; `minPaths` (2) paths a block needs to be valid; `valid` (true): false counts
 * malformed blocks too, as the rewards of the Parallel-R1 code do, where a right answer with a broken block is punished.
 */
export function parallelUsed(output: unknown, context?: AssertionContext): AssertionResult {
  return runAssertion(NAME, KEYS, output, context, grade)
}

function grade(text: string, config: ConfigObject, context: AssertionContext): AssertionResult {
  const minBlocks = readInt(config, 'minBlocks', 1, `the config of ${NAME}`, { min: 1 })
  const minPaths = readInt(config, 'minPaths', 2, `the config of ${NAME}`, { min: 1, max: 16 })
  const blocks = readBlocks(text, context, { minPaths })
  const valid = blocks.filter((block) => block.valid).length
  const validOnly = readBoolean(config, 'valid', true, `the config of ${NAME}`)
  const used = (validOnly ? valid : blocks.length) >= minBlocks
  const asked = responseMetadata(context).mode !== 'sequential'
  const count = `${valid} valid block${valid === 1 ? '' : 's'} of ${blocks.length}`
  return {
    pass: used || !asked,
    score: used ? 1 : 0,
    reason: used ? `${count}.` : asked ? `${count}; at least ${minBlocks} needed.` : `${count}; sequential thinking needs none.`,
    metadata: { blocks: blocks.length, validBlocks: valid },
  }
}
