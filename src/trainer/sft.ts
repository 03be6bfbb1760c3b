/**
 * Supervised fine-tuning, top to bottom: render the responses of a suite's tests, lay them out, mean negative log-likelihood
 * of the response tokens, forward and backward in micro-batches, update. Who sees whom is thinking/layout.ts, as in decoding.
 */

import { setImmediate as breathe } from 'node:timers/promises'
import { ConfigError, ParallelR1Error } from '../engine/errors.ts'
import type { ReadPrompt } from '../providers/prompt.ts'
import type { SftStage } from './config/config.ts'
import { likelihood } from './losses/likelihood.ts'
import type { Session } from './model/session.ts'
import { type Recipe, type StepReport, updateOptions } from './recipe.ts'
import { encodeResponse, layOutResponse, readRow } from './samples/sft-rows.ts'
import { responseTemplate } from './suite/response-template.ts'
import type { Suite } from './suite/suite.ts'
import { EpochPlan } from './update/batches.ts'
import { accumulate, type UpdateSample } from './update/micro-batches.ts'
import { learningRate } from './update/schedule.ts'
import { largestShard } from './update/shards.ts'

/** Ids of one row; laid out anew when its batch comes, which is cheaper than keeping every layout. */
interface Example {
  /** Shared by all responses of a row. */
  prompt: number[]
  response: Int32Array
  /** Packed tokens. */
  length: number
}

export async function sftRecipe(session: Session, stage: SftStage, suite: Suite): Promise<Recipe> {
  const { model, seed, shards, runner } = session
  const { microBatchTokens } = stage
  const loss = likelihood()
  const { examples, prompts } = await tokenizeRows(session, stage, suite)
  const lengths = Int32Array.from(examples, ({ length }) => length)
  const plan = new EpochPlan(lengths, stage.batchTokens, seed, stage.name)
  const steps = stage.steps ?? Math.max(1, Math.round(stage.epochs! * plan.updates))
  const longest = lengths.reduce((a, b) => Math.max(a, b), 0)
  const tokens = lengths.reduce((a, b) => a + b, 0)
  const perUpdate = Math.min(tokens, Math.ceil(tokens / plan.updates) + longest)

  async function step(step: number): Promise<StepReport> {
    const samples = Array.from(plan.samples(step), (index) => layOut(session, examples[index]))
    const tally = await accumulate(model, samples, loss, { microBatchTokens, sharesPrompts: false, shards, runner })
    const lr = learningRate({ ...stage, kind: stage.schedule }, step, steps)
    const update = await model.update(updateOptions(stage, lr))
    runner.updated?.()
    return { loss: tally.sum('loss'), lr, updates: [update], tokens: tally.packedTokens }
  }

  return {
    steps,
    forwardTokens: Math.max(longest, Math.min(microBatchTokens, largestShard(perUpdate, shards, longest))),
    data: `${examples.length} samples, ${tokens} tokens (longest ${longest}), ${plan.updates} updates an epoch, ${steps} steps`,
    prompts,
    step,
    probe: async () => ({ sample: layOut(session, examples[plan.samples(0)[0]]) }),
  }
}

/** The prompts of a suite as a supervised stage reads them. Throws ConfigError. */
export function readPrompts(session: Session, suite: Suite): ReadPrompt[] {
  return suite.rows.map((row, index) => readRow(session, suite, row, `row ${index + 1} of ${suite.file}`))
}

/** Prompt and response of every row as ids; every one is laid out once, so that a wrong row is an error before step 0. */
async function tokenizeRows(session: Session, stage: SftStage, suite: Suite): Promise<{ examples: Example[]; prompts: ReadPrompt[] }> {
  const render = await responseTemplate(stage.response, 'response template')
  const examples: Example[] = []
  const prompts: ReadPrompt[] = []
  for (const [index, row] of suite.rows.entries()) {
    if (index % 256 === 0) await breathe()
    const where = `row ${index + 1} of ${suite.file}`
    try {
      const read = readRow(session, suite, row, where)
      prompts.push(read)
      const { ids: prompt } = read
      for (const vars of samplesOf(row.vars, stage.each)) {
        const { text, ids } = encodeResponse(session, render(vars))
        if (text === '') throw new ConfigError('The response is empty. Correct "response" or the row')
        const { layout } = layOutResponse(session, prompt, ids)
        examples.push({ prompt, response: Int32Array.from(ids), length: layout.ids.length })
      }
    } catch (error) {
      if (error instanceof ParallelR1Error) throw new ConfigError(`${where}: ${error.message}`, { cause: error })
      throw error
    }
  }
  return { examples, prompts }
}

/** The vars that the template is rendered with: the row's own, or with `each` one set for every element of that list. */
function samplesOf(vars: Record<string, unknown>, each: string | undefined): Record<string, unknown>[] {
  if (each === undefined) return [vars]
  const list = vars[each]
  if (!Array.isArray(list) || list.length === 0) {
    throw new ConfigError(`"each: ${each}" needs a var that holds a list. Got ${JSON.stringify(list)}. Correct "each" or the row`)
  }
  return list.map((item) => ({ ...vars, item }))
}

function layOut(session: Session, { prompt, response }: Example): UpdateSample {
  const { layout, temperature } = layOutResponse(session, prompt, Array.from(response))
  // The loss is added up in the order in which the tokens lie in the batch.
  layout.sampledIndex.sort()
  return { layout, temperature, sampled: [], advantage: 1 }
}
