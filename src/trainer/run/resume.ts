/** Where a run goes on: the saved state under the configuration as it is now, and what changed since. */

import { ConfigError } from '../../engine/errors.ts'
import type { TrainConfig } from '../config/config.ts'
import { readTrainConfig } from '../config/config-file.ts'
import { ABSENT, allowance, type Change, compareAtResume, decisiveTable, type LengthChange } from '../config/config-table.ts'
import { selectStage } from '../config/select-stage.ts'
import { refuseEnded } from '../evaluation/best.ts'
import type { RunFolder } from '../states/run-folder.ts'
import type { TrainerState } from '../states/state.ts'
import type { SavedState } from '../states/states.ts'
import { table } from './log.ts'
import { resumeCommand } from './next-command.ts'
import type { TrainOptions } from './options.ts'

/** A saved state with what the configuration changed on purpose since. */
export interface Resumed extends SavedState {
  lengths: LengthChange[]
  changes: Change[]
}

/** The state to go on from; refuses to write over a run, and to go on with another configuration. */
export async function savedState(config: TrainConfig, { path, states }: RunFolder, options: TrainOptions): Promise<Resumed | undefined> {
  if (!options.resume) {
    const step = states.newestStep()
    if (step !== undefined && !options.dryRun) {
      throw new ConfigError(
        `${path} holds a run that stands at step ${step}. Go on with --resume, choose another --output, or remove the folder.`,
      )
    }
    return undefined
  }
  const saved = await states.newest(options.resume === 'previous')
  if (!saved) return undefined
  const folder = saved.state.weights === 'unchanged' ? undefined : saved.folder
  const { lengths, changes, refused } = compareAtResume(saved.state.config, config, options.allowChange)
  const { state, faults } = withLengths(saved.state, config, lengths)
  if (refused.length + faults.length > 0) throw refusal({ state: saved.state, folder, refused, faults }, config, options)
  return { ...saved, state, lengths, changes }
}

/** Every change that a resumed run cannot take, and the command that goes on without them. */
function refusal(
  { state, folder, refused, faults }: { state: TrainerState; folder?: string; refused: readonly Change[]; faults: readonly LengthFault[] },
  config: TrainConfig,
  options: TrainOptions,
): ConfigError {
  const all = [...refused, ...faults.map(({ stage, was, is }) => ({ path: `stages.${stage}.steps`, was: String(was), is: String(is) }))]
  const said =
    refused.length === 0
      ? faults.map(({ why }) => why).join(' ')
      : `A resumed run goes on as it began, but the configuration changed.\n${table(all.map(({ path, was, is }) => [path, `was ${quoted(was)}, is ${quoted(is)}`]))}`
  const command = commandAsBefore(state, all, config, options)
  const next = [command === undefined ? 'Change it back.' : `To go on as it began: ${command}`]
  if (all.every(({ path }) => allowance(path) === 'reward')) {
    const allowed = { ...options, allowChange: [...(options.allowChange ?? []), 'reward'] }
    next.push(`To go on with the new reward: ${resumeCommand(config, allowed)}`)
  }
  if (refused.length > 0) {
    const anew = folder === undefined ? 'choose another --output' : `name ${folder} as model.checkpoint and choose another --output`
    next.push(`To train with the new values, ${anew}, without --resume.`)
  }
  return new ConfigError(`${said}\n${next.join('\n')}`)
}

/** The command line under which the configuration is that of the saved run; undefined where no --set makes it so. */
function commandAsBefore(
  state: TrainerState,
  changes: readonly Change[],
  config: TrainConfig,
  { stage, suites, overrides = {}, allowChange }: TrainOptions,
): string | undefined {
  const paths = new Set(changes.map(({ path }) => path))
  const kept = (overrides.sets ?? []).filter((set) => !paths.has(set.slice(0, set.indexOf('='))))
  const sets = [...kept, ...changes.map(({ path, was }) => `${path}=${was === ABSENT ? 'null' : was}`)]
  const given = { stage, suites, allowChange, overrides: { ...overrides, sets } }
  try {
    const before = selectStage(readTrainConfig(config.file, given.overrides), stage).config
    const { refused, lengths } = compareAtResume(state.config, before, allowChange)
    if (refused.length === 0 && withLengths(state, before, lengths).faults.length === 0) return resumeCommand(config, given)
  } catch (error) {
    // A file that has changed otherwise, such as one without the stage.
    if (!(error instanceof ConfigError)) throw error
  }
  return undefined
}

/** A text whose ends can't be seen stands in quotes. */
function quoted(value: string): string {
  return value === value.trim() && value !== '' ? value : JSON.stringify(value)
}

/** A change of `steps` that comes too late. */
interface LengthFault extends LengthChange {
  why: string
}

/**
 * The state under changed `steps`: the stage under way and those to come take them, and the last stage of a finished run goes
 * on where it ended. What is done cannot be shortened, and what others have built on cannot be lengthened.
 */
function withLengths(
  state: TrainerState,
  config: TrainConfig,
  lengths: readonly LengthChange[],
): { state: TrainerState; faults: LengthFault[] } {
  let { stage, step } = state
  const faults: LengthFault[] = []
  for (const length of lengths) {
    const { stage: name, was, is } = length
    const index = config.stages.findIndex((one) => one.name === name)
    if (index === stage - 1 && stage === config.stages.length && is > was) {
      refuseEnded(state, index, name)
      stage = index
      step = was
    } else if (index < stage || (index === stage && is < step)) {
      const done = index < stage ? `is finished with ${was}` : `has done ${step}`
      const next = index < stage ? 'Change it back.' : `Use ${step} or more.`
      faults.push({ ...length, why: `Stage "${name}" ${done} steps. Got steps: ${is}. ${next}` })
    }
  }
  return { state: { ...state, stage, step, config: decisiveTable(config) }, faults }
}

/** Rates already used stay as they were; the rest of a cosine or linear schedule is that of the new length. */
export function lengthLine({ stage, was, is }: LengthChange): string {
  return `Stage "${stage}" has ${is} steps now, not ${was}: from here on a cosine or linear schedule is that of ${is} steps`
}

export function changeLine({ path, was, is }: Change): string {
  return `${path} was ${was}. From here on it is ${is}`
}
