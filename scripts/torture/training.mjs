// Small runs of pr1-train to be disturbed: an undisturbed one to compare with, and copies of it that stand at any of its states.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { parse } from 'yaml'
import { readTrainConfig } from '../../src/trainer/config/config-file.ts'
import { train } from '../../src/trainer/train.ts'
import { fixture, results, states } from '../../test/trainer/runs.ts'
import { badEnd, root, runNode } from './programs.mjs'

/** The stages of test/trainer/fixtures/train.yaml. A run with rewards loads promptfoo, which takes seconds. */
const STAGES = { sft: ['base'], grpo: ['base', 'rl'] }

/** An undisturbed run that kept all its states. */
export class Training {
  #file
  #whole

  constructor(file, whole, folder) {
    this.#file = file
    this.#whole = whole
    /** The folder of disturbed runs. */
    this.run = path.join(folder, 'run')
    this.states = states(whole)
    this.expected = results(whole)
  }

  /** Trains once, in `folder`. */
  static async prepare(folder, kind) {
    const whole = path.join(folder, `${kind}-whole`)
    const file = path.join(folder, `${kind}.json`)
    const config = parse(readFileSync(fixture('train.yaml'), 'utf8'))
    config.model.init.tokenizer = fixture('tokenizer')
    config.stages = config.stages.filter(({ name }) => STAGES[kind].includes(name))
    for (const stage of config.stages) stage.suite = fixture(stage.suite)
    writeFileSync(file, JSON.stringify(config))
    const ended = await runNode(trainArgs(file, whole, ['--set', 'save.every=1', '--set', 'save.keep=99']))
    const wrong = badEnd(ended)
    if (wrong !== undefined || ended.code !== 0)
      throw new Error(`the undisturbed run ${wrong ?? `ended with code ${ended.code}\n${ended.errors}`}`)
    return new Training(file, whole, folder)
  }

  /** A new run folder that stands after `done` steps, with the `kept` newest states. */
  begin(done, kept = 2) {
    const { run } = this
    rmSync(run, { recursive: true, force: true })
    rmSync(`${run}.gone`, { recursive: true, force: true })
    mkdirSync(path.join(run, 'checkpoints'), { recursive: true })
    for (const name of readdirSync(this.#whole)) {
      if (name !== 'checkpoints' && name !== 'final' && name !== 'base')
        cpSync(path.join(this.#whole, name), path.join(run, name), { recursive: true })
    }
    for (const name of this.states.slice(Math.max(0, done - kept), done)) {
      cpSync(path.join(this.#whole, 'checkpoints', name), path.join(run, 'checkpoints', name), { recursive: true })
    }
    const exported = path.join(this.#whole, 'base')
    if (Number(JSON.parse(readFileSync(path.join(run, 'checkpoints', this.states[done - 1], 'trainer/state.json'), 'utf8')).stage) > 0) {
      cpSync(exported, path.join(run, 'base'), { recursive: true })
    }
    return run
  }

  /** Goes on with a run, as its user would; see runNode. */
  resume(run, options = {}) {
    return runNode(trainArgs(this.#file, run, ['--resume', '--set', 'save.every=1', ...(options.args ?? [])]), options)
  }

  /** The same in this process. Throws what pr1-train would say. */
  async resumeHere(run, resume) {
    const config = readTrainConfig(this.#file, { output: run, sets: ['save.every=1'] })
    await train(config, { resume, output: { write() {} } })
  }

  /** What differs from the undisturbed run in a finished one, or is left over; undefined: nothing. */
  difference(run) {
    if (!existsSync(path.join(run, 'final', 'model.safetensors'))) return 'the run has no final model'
    let found
    try {
      found = results(run)
    } catch (error) {
      return `what it wrote cannot be read: ${error.message}`
    }
    for (const what of Object.keys(this.expected)) {
      if (!isDeepStrictEqual(found[what], this.expected[what])) return `${what} differs from the undisturbed run`
    }
    const left = readdirSync(run, { recursive: true }).filter((name) => /^\..*\.(tmp|new|old)-/.test(path.basename(name)))
    return left.length > 0 ? `left over: ${left.join(', ')}` : undefined
  }
}

function trainArgs(file, run, args) {
  return [path.join(root, 'dist/trainer/cli.js'), '-c', file, '-o', run, ...args]
}

/** Steps done when the newest state was saved. */
export function newestStep(run) {
  return Number(states(run).at(-1)?.slice('step-'.length) ?? 0)
}

/** Step lines in what pr1-train printed. */
export const stepLines = (output) => output.match(/^\S+ \d+\/\d+ {2}/gm)?.length ?? 0
