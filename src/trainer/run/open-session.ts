/** The model of a run with all that its stages need: fresh, or put back as a saved state has it. */

import { ConfigError } from '../../engine/errors.ts'
import type { Engine } from '../../engine/types.ts'
import { parseThinkingConfig } from '../../providers/config.ts'
import { localThinker, type Thinker } from '../../thinking/thinker.ts'
import { asksItself, trainsNothing } from '../config/answers-only.ts'
import type { Stage, TrainConfig } from '../config/config.ts'
import { type OpenedModel, openModel, readCheckpoint, sourceOfState } from '../model/model.ts'
import type { Reader, Session } from '../model/session.ts'
import { openWorkers, type PlacedBy } from '../model/workers.ts'
import { restoreOptimizer, type SavedState } from '../states/states.ts'
import type { Suite } from '../suite/suite.ts'
import { ReferencePolicy } from '../update/reference.ts'
import { localShards, shardsFor } from '../update/shards.ts'

interface OpenedSession extends Pick<OpenedModel, 'base' | 'below' | 'info'> {
  session: Session
}

/**
 * Opens what `config` names, or goes on from `saved`. `stages` are those to come, `suites` theirs, `evaluated` the suites of their evaluations.
 * @throws ConfigError where adapters were saved beside another model
 */
export async function openSession(
  engine: Engine,
  config: TrainConfig,
  {
    stages,
    suites,
    evaluated = [],
    saved,
    placed,
  }: {
    stages: readonly Stage[]
    suites: readonly Suite[]
    evaluated?: readonly Suite[]
    saved?: SavedState
    /** For the workers that the configuration asks for. Absent: everything is done here. */
    placed?: PlacedBy
  },
): Promise<OpenedSession> {
  // Nothing decodes where no stage has rollouts and nothing is evaluated.
  const decoded = [...suites.filter((_, i) => decodes(stages[i])), ...evaluated]
  const wanted = decoded.flatMap(({ provider }) =>
    provider.ours ? (parseThinkingConfig(provider.config, `provider "${provider.label}"`).cacheTokens ?? []) : [],
  )
  const cacheTokens = decoded.length > 0 ? (config.cacheTokens ?? (wanted.length > 0 ? Math.max(...wanted) : undefined)) : 0
  const idle = trainsNothing(config)
  const source = saved && !idle ? await sourceOfState(config.model, saved) : config.model
  const opened = await openModel(engine, source, config.seed, {
    cacheTokens,
    recompute: config.recompute,
    optimizerState: config.optimizerState,
    // Workers are sent what can be trained.
    train: !idle || config.ray !== undefined,
  })
  const { model, checkpoint, trained, ...told } = opened
  if (saved && idle) checkBase(saved, await told.base())
  else if (saved) {
    if (told.below) checkBelow(saved, await told.below())
    await restoreOptimizer(model, saved)
  }
  const reference = saved && (await ReferencePolicy.restore(model, saved.folder))
  const sharesPrompts = engine.info.device !== 'tfjs'
  const workers = config.ray && placed ? await openWorkers(engine, config, opened, { cacheTokens, ...placed }) : undefined
  const here = { openThinker: async (): Promise<Thinker> => localThinker(model), runner: localShards(model) }
  const { openThinker, runner } = workers ?? here
  const shards = shardsFor(model, config.shards)
  const session = {
    model,
    checkpoint,
    trained,
    openThinker,
    seed: config.seed,
    sharesPrompts,
    shards,
    runner,
    workers,
    reference,
  }
  return { session, ...told }
}

/** The same without weights, for stages that need none. */
export async function openReader({ model, seed }: TrainConfig): Promise<{ session: Reader } & Partial<Omit<OpenedSession, 'session'>>> {
  const checkpoint = await readCheckpoint(model)
  return { session: { checkpoint, model: { config: checkpoint.config }, seed } }
}

/** Whether the model in training writes responses in a stage. */
export function decodes(stage: Stage): boolean {
  return stage.kind === 'grpo' || asksItself(stage)
}

/** A run that trains nothing goes on with the weights of the configuration. */
function checkBase({ folder, state }: SavedState, found: string): void {
  if (state.base === found) return
  throw new ConfigError(
    `The model is not the one that the run of ${folder} began with (hash ${state.base.slice(0, 12)}, found ${found.slice(0, 12)}). Name that one in model, or begin a new run.`,
  )
}

/** Adapters mean something beside their own model only. */
function checkBelow({ folder, state }: SavedState, found: string): void {
  if (state.below === found) return
  throw new ConfigError(
    `The model below the adapters of ${folder} is not the one that the run began with (hash ${state.below?.slice(0, 12)}, found ${found.slice(0, 12)}). Name that one as base in model, or begin a new run.`,
  )
}
