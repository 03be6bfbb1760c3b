/**
 * Supervised fine-tuning, top to bottom: render the responses of a suite's tests, pack, forward, mean negative
 * log-likelihood of the response tokens, backward, update. Who sees whom is thinking/layout.ts, as in decoding.
 */

import { setImmediate as breathe } from 'node:timers/promises'
import { ConfigError, ParallelR1Error } from '../engine/errors.ts'
import { applyTestOptions, parseThinkingConfig } from '../providers/config.ts'
import { promptIds } from '../providers/prompt.ts'
import { layoutTrajectory, packLayouts } from '../thinking/layout.ts'
import { trajectoryFromIds } from '../thinking/trajectory.ts'
import type { Layout } from '../thinking/types.ts'
import { EpochPlan, packByBudget } from './batches.ts'
import type { SftStage } from './config.ts'
import { likelihoodWeights } from './objective.ts'
import { type Recipe, type Session, type StepReport, updateOptions } from './recipe.ts'
import { learningRate } from './schedule.ts'
import type { Suite } from './suite.ts'

/** Ids of one row; laid out anew when its batch comes, which is cheaper than keeping every layout. */
interface Sample {
  prompt: Int32Array
  response: Int32Array
  /** Packed tokens. */
  length: number
}

export async function sftRecipe(session: Session, stage: SftStage, suite: Suite): Promise<Recipe> {
  const { model, seed } = session
  const samples = await tokenizeRows(session, stage, suite)
  const lengths = Int32Array.from(samples, (sample) => sample.length)
  const plan = new EpochPlan(lengths, stage.batchTokens, seed, stage.name)
  const steps = stage.steps ?? Math.max(1, Math.round(stage.epochs! * plan.updates))
  const longest = lengths.reduce((a, b) => Math.max(a, b), 0)
  const tokens = lengths.reduce((a, b) => a + b, 0)

  async function step(step: number): Promise<StepReport> {
    const layouts = Array.from(plan.samples(step), (index) => layOut(session, samples[index]))
    const targets = layouts.reduce((sum, layout) => sum + count(layout.targets), 0)
    let loss = 0
    let packed = 0
    for (const part of packByBudget(layouts, (layout) => layout.ids.length, stage.microBatchTokens)) {
      const { batch } = packLayouts(part)
      const { logprobs } = await model.forward(batch)
      for (let i = 0; i < logprobs.length; i++) if (batch.targets![i]) loss -= logprobs[i] / targets
      await model.backward(likelihoodWeights(batch.targets!, targets))
      packed += batch.ids.length
    }
    const lr = learningRate({ ...stage, kind: stage.schedule }, step, steps)
    const { gradNorm, skipped } = await model.update(updateOptions(stage, lr))
    return { loss, lr, gradNorm, skipped: skipped ? 1 : 0, tokens: packed }
  }

  return {
    steps,
    forwardTokens: Math.max(stage.microBatchTokens, longest),
    data: `${samples.length} samples, ${tokens} tokens (longest ${longest}), ${plan.updates} updates an epoch, ${steps} steps`,
    step,
  }
}

/** Prompt and response of every row as ids; every one is laid out once, so that a wrong row is an error before step 0. */
async function tokenizeRows(session: Session, stage: SftStage, suite: Suite): Promise<Sample[]> {
  const { checkpoint, model } = session
  const { tokenizer, parallel } = checkpoint
  const eos = checkpoint.generation.eosTokenIds[0]
  const render = await responseTemplate(stage)
  const samples: Sample[] = []
  for (const [index, row] of suite.rows.entries()) {
    if (index % 256 === 0) await breathe()
    const where = `row ${index + 1} of ${suite.file}`
    try {
      const settings = suite.provider.ours ? applyTestOptions(suite.provider.config, row.promptConfig) : {}
      const prompt = promptIds(checkpoint, parseThinkingConfig(settings, where), row.prompt)
      for (const vars of samplesOf(row.vars, stage.each)) {
        const text = render(vars)
        if (text === '') throw new ConfigError('The response is empty. Correct "response" or the row')
        const response = [...tokenizer.encode(text), eos]
        const layout = layoutTrajectory(trajectoryFromIds(prompt, response, parallel.tags), parallel.attention, { loss: 'response' })
        const last = layout.positions.reduce((a, b) => Math.max(a, b), 0)
        if (last >= model.config.maxPositions) {
          throw new ConfigError(
            `It takes ${last + 1} positions, the model has ${model.config.maxPositions}. Leave it out or raise maxPositions`,
          )
        }
        samples.push({ prompt: Int32Array.from(prompt), response: Int32Array.from(response), length: layout.ids.length })
      }
    } catch (error) {
      if (error instanceof ParallelR1Error) throw new ConfigError(`${where}: ${error.message}`, { cause: error })
      throw error
    }
  }
  return samples
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

function layOut(session: Session, sample: Sample): Layout {
  const { tags, attention } = session.checkpoint.parallel
  const trajectory = trajectoryFromIds(Array.from(sample.prompt), Array.from(sample.response), tags)
  return layoutTrajectory(trajectory, attention, { loss: 'response' })
}

/** Nunjucks over the vars; text is taken as it is (no HTML escapes), a missing var is an error. */
async function responseTemplate(stage: SftStage): Promise<(vars: Record<string, unknown>) => string> {
  const { default: nunjucks } = await import('nunjucks')
  const environment = new nunjucks.Environment(null, { autoescape: false, throwOnUndefined: true })
  const template = nunjucks.compile(stage.response, environment)
  return (vars) => {
    try {
      return template.render(vars)
    } catch (error) {
      const known = Object.keys(vars).join(', ')
      throw new ConfigError(
        `The response template "${stage.response}" does not render: ${(error as Error).message}. Vars of the row: ${known}`,
      )
    }
  }
}

function count(targets: Uint8Array): number {
  let sum = 0
  for (const target of targets) sum += target
  return sum
}
