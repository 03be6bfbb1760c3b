/** `pr1-train regrade`: arguments and words. */

import { join, resolve } from 'node:path'
import { runCommand, UsageError } from '../../cli/arguments.ts'
import { Progress } from '../../cli/progress.ts'
import { plainJson, plainLine } from '../../plain.ts'
import { RolloutsError } from '../../rollouts/format.ts'
import type { TrainConfig } from '../config/config.ts'
import { parseTrainConfig } from '../config/parse-config.ts'
import { withRewardFiles } from '../config/reward-files.ts'
import { compileTerms } from '../rewards/reward-terms.ts'
import { table } from '../run/log.ts'
import { loadSuite } from '../suite/suite.ts'
import { chooseSteps, runOf } from './choose.ts'
import { type Moved, type Movement, movementOf } from './moved.ts'
import { type Regraded, type RegradeOptions, type Regrading, regrade } from './regrade.ts'
import { DIFFERS } from './replay-command.ts'
import { grpoStageOf, settingsOf } from './settings.ts'

const USAGE = `pr1-train regrade <run> [options]

Scores kept rollouts once more, through the graders of training, and says which advantages change their sign. Without --suite the assertions are
those of the run, with graders as their files are now. Without --reward the reward is that of each step. Nothing is trained and nothing is changed.

      --step <which>    steps, such as 40, 10-20 or 10,20,30- (all that are kept)
      --stage <name>    stage, where several have rollouts
      --suite <file>    a promptfoo config whose assertions grade, found by the prompts of its tests
      --reward <expr>   another reward, or file:// and a reward file; one that begins with a minus as --reward=-answer
  -c, --config <file>   training file whose stage says reward and suite, instead of the configuration that the run keeps
      --json            the result as JSON, with every rollout whose advantage changes its sign
  -h, --help            this text
      --version         version of the package

Exit code: 0 no advantage changes its sign; 1 an error; 2 a command line that cannot be read; 4 some do.`

const OPTIONS = {
  step: { type: 'string' },
  stage: { type: 'string' },
  suite: { type: 'string' },
  reward: { type: 'string' },
  config: { type: 'string', short: 'c' },
  json: { type: 'boolean' },
} as const

/** Runs the command and returns its exit code. Throws ParallelR1Error on what the user can mend. */
export function regradeCommand(args: readonly string[], print: (text: string) => void): Promise<number> {
  return runCommand({ name: 'pr1-train regrade', usage: USAGE, options: OPTIONS }, args, print, async ({ values, positionals }) => {
    const run = runOf(positionals, 'regrade')
    const files = chooseSteps(run, values)
    const stages = [...new Set(files.map(({ stage }) => stage))]
    if (stages.length > 1) throw new RolloutsError(`Several stages have kept rollouts: ${stages.join(', ')}. Choose one with --stage.`)
    const kept = settingsOf(run, values)
    const config = values.reward === undefined ? kept : withReward(kept, stages[0], values.reward)
    const stage = grpoStageOf(config, stages[0])
    // A wrong expression is told of before promptfoo takes its time.
    await compileTerms(stage)
    const { reward, rewards, advantage, combine, provider } = stage
    const cache = join(run, 'suites', `${stage.name}.jsonl`)
    const own = await loadSuite(grpoStageOf(kept, stages[0]).suite, { provider, tests: true, cache, reuse: true, write: false })
    const other = values.suite === undefined ? (values.config === undefined ? undefined : stage.suite) : resolve(values.suite)
    const suite = other === undefined ? own : await loadSuite(other, { provider, tests: true })
    const bar = new Progress({ label: 'regrade', unit: 'steps' })
    const judge: RegradeOptions['judge'] =
      values.reward === undefined && values.config === undefined ? undefined : { reward, rewards, advantage, combine }
    try {
      const result = await regrade({ files, stage, suite, own, judge, onStep: (done, of) => bar.update(done, of) })
      bar.stop()
      for (const line of [...result.damaged, ...result.warnings]) process.stderr.write(`${plainLine(line)}\n`)
      const movement = movementOf(result)
      print(values.json ? `${plainJson(resultOf(result, movement))}\n` : describe(result, movement, run))
      return movement.changes.length > 0 ? DIFFERS : 0
    } finally {
      bar.stop()
    }
  })
}

/** The configuration with another reward in one stage, checked as a training file is. */
function withReward(config: TrainConfig, stage: string, reward: string): TrainConfig {
  if (reward.trim() === '')
    throw new UsageError('--reward takes an expression over metric names, or file:// and a reward file. Got nothing.')
  const { file, given: _, gaveWay: ____, ...rest } = config
  // The path of a reward file is relative to where the command was called.
  const said = reward.startsWith('file://') ? `file://${resolve(reward.slice('file://'.length))}` : reward
  const stages = rest.stages.map((one) => {
    if (one.name !== stage || one.kind !== 'grpo') return one
    const { reward: __, rewards: ___, advantage, combine, ...others } = one
    const [read] = withRewardFiles([{ ...others, reward: said }], '.') as object[]
    // A reward file may say how rewards are combined and compared.
    return { advantage, combine, ...read }
  })
  return parseTrainConfig({ ...rest, stages }, file)
}

function resultOf({ rollouts, steps, groups, leftOut, damaged, warnings }: Regrading, movement: Movement): object {
  return { steps, rollouts: rollouts.length, groups, leftOut, damaged, warnings, ...movement }
}

/** Changes that are printed; JSON has all. */
const SHOWN = 10

function describe({ rollouts, steps, groups, leftOut, damaged }: Regrading, movement: Movement, run: string): string {
  const { flipped, silenced, awakened, changes, reward, metrics } = movement
  const [before, after] = groups.teaching
  const lines = [
    `${rollouts.length} rollouts of ${steps} ${steps === 1 ? 'step' : 'steps'} graded again${leftOut > 0 ? `; ${leftOut} prompts are left out, as the suite has them no more` : ''}${damaged.length > 0 ? `; ${damaged.length} damaged steps are left out` : ''}`,
    `Advantages that change their sign: ${changes.length} of ${rollouts.length}`,
    table([
      ['from above 0 to below', `${flipped.toNegative}`],
      ['from below 0 to above', `${flipped.toPositive}`],
      ['from something to nothing', `${silenced}`],
      ['from nothing to something', `${awakened}`],
    ]),
    `Prompts that teach: ${before} of ${groups.all} before, ${after} now`,
    'Means, before and now',
    table([
      ['reward', inWords(reward)],
      ...Object.entries(metrics).map(([name, one]): [string, string] => [plainLine(name), inWords(one)]),
    ]),
  ]
  if (changes.length > 0) {
    lines.push(changes.length > SHOWN ? `The ${SHOWN} largest changes (--json has all)` : 'Changes, the largest first')
    lines.push(...changes.slice(0, SHOWN).map((one) => `  ${lineOf(one)}`))
    lines.push(`Look at one: pr1-train show ${run} --stage ${changes[0].stage} --step ${changes[0].step} --prompt ${changes[0].group + 1}`)
  }
  return `${lines.join('\n')}\n`
}

const said = (value: number | undefined): string => (value === undefined ? '–' : value.toFixed(3))

function inWords({ was, is, changed, of }: Moved): string {
  return `${said(was)} → ${said(is)}, another for ${changed} of ${of}`
}

function lineOf({ step, group, member, problem, reward, advantage }: Regraded): string {
  const pair = (values: readonly number[]) => values.map((value) => value.toFixed(3)).join(' → ')
  return plainLine(
    `step ${step}, prompt ${group + 1} (problem ${problem}), response ${member + 1}: advantage ${pair(advantage)}, reward ${pair(reward)}`,
  )
}
