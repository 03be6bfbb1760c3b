// A whole GRPO step as pr1-train makes it, with its own functions: rows of the Countdown suite resolved by promptfoo,
// rollouts through the decoder, the suite's assertions, update. From a shipped checkpoint, so that responses have real lengths.
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { localThinker } from '../../dist/thinking/thinker.js'
import { readTrainConfig } from '../../dist/trainer/config/config-file.js'
import { grpoRecipe } from '../../dist/trainer/grpo.js'
import { openModel } from '../../dist/trainer/model/model.js'
import { loadSuite } from '../../dist/trainer/suite/suite.js'
import { forget } from './shape.mjs'

const suites = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../suites/countdown')

/** Steps after one to warm up. form: parallel or sequential. */
export async function grpoSteps(engine, form, { prompts, group, rounds }) {
  const config = readTrainConfig(path.join(suites, `train.${form}.yaml`), {
    sets: [`stages.rl.prompts=${prompts}`, `stages.rl.group=${group}`],
  })
  const stage = config.stages.find(({ kind }) => kind === 'grpo')
  const suite = await loadSuite(stage.suite, { provider: stage.provider, tests: true, write: false })
  forget()
  const source = { checkpoint: path.join(suites, 'checkpoints', form) }
  const { model, checkpoint } = await openModel(engine, source, config.seed, {})
  const clock = stopwatch(model)
  const openThinker = async () => localThinker(clock.model)
  const session = { model: clock.model, checkpoint, openThinker, seed: config.seed, sharesPrompts: true }
  const recipe = await grpoRecipe(session, stage, suite)
  const steps = []
  for (let step = 0; step <= rounds; step++) {
    clock.training = 0
    const start = performance.now()
    const { tokens, rollouts } = await recipe.step(step)
    const seconds = (performance.now() - start) / 1000
    const update = clock.training / 1000
    const { responseTokens, informative } = rollouts
    if (step > 0) steps.push({ seconds, update, rollouts: seconds - update, tokens, responseTokens, informative })
  }
  const plan = model.memoryPlan(recipe.forwardTokens)
  await model.dispose()
  return { steps, plan }
}

/** The model with the time of what trains added up; the rest of a step is rollouts and grading. */
function stopwatch(model) {
  const clock = { training: 0, model: undefined }
  const timed =
    (call) =>
    async (...args) => {
      const start = performance.now()
      try {
        return await call.apply(model, args)
      } finally {
        clock.training += performance.now() - start
      }
    }
  const replaced = { forward: timed(model.forward), backward: timed(model.backward), update: timed(model.update) }
  clock.model = new Proxy(model, {
    get: (_, key) => replaced[key] ?? (typeof model[key] === 'function' ? model[key].bind(model) : model[key]),
    set: (_, key, value) => Reflect.set(model, key, value),
  })
  return clock
}
