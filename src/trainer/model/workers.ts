/** The workers of a training run: they decode and compute gradients, the optimizer stays in this process. */

import type { Crew, Placer } from '../../cluster/crew.ts'
import { type CrewSetup, openCrew } from '../../cluster/open.ts'
import type { ModelSetup } from '../../cluster/protocol.ts'
import { clusterShards } from '../../cluster/shards.ts'
import { clusterThinker } from '../../cluster/thinker.ts'
import type { Engine } from '../../engine/types.ts'
import { checkpointPlaces } from '../../hub/place.ts'
import type { Thinker } from '../../thinking/thinker.ts'
import type { ModelSource, TrainConfig } from '../config/config.ts'
import type { ShardRunner } from '../update/shards.ts'
import type { OpenedModel } from './model.ts'

/** Where the time of a step went, in seconds of the run, and what moved. */
export interface ClusterReport {
  workers: number
  machines: number
  rollouts: number
  gradients: number
  /** Waiting for weights, and for gradients that were computed, mean of the workers. What moves beside work is not in it. */
  transfer: number
  /** Without a piece of work, mean of the workers. */
  waiting: number
  bytes: number
  lost: number
}

export interface Workers {
  /** Thinks with the weights as they are now. */
  openThinker(): Promise<Thinker>
  runner: ShardRunner
  crew: Crew
  /** Of what was done since the last time. */
  takeReport(): ClusterReport
}

/** Who places workers, and who hears what befalls them. */
export interface PlacedBy extends Pick<CrewSetup, 'say'> {
  placer: Placer
}

/** Starts what `config.ray` asks for. */
export async function openWorkers(
  engine: Engine,
  config: TrainConfig,
  { model, checkpoint, trained, info, below }: OpenedModel,
  { cacheTokens, placer, say }: { cacheTokens?: number } & PlacedBy,
): Promise<Workers> {
  const options = { cacheTokens, train: true, recompute: config.recompute }
  const setup: ModelSetup = trained
    ? { kind: 'adapters', ...(await placed(config.model)), seed: config.seed, below: await below!(), options }
    : { kind: 'weights', config: model.config, tokenizer: checkpoint.tokenizer.files(), options }
  const { precision, numerics } = config
  const crew = openCrew(placer, config.ray!, { info: info ?? engine.info, precision, numerics, model: setup, say })
  const shards = clusterShards(crew, model)
  let rollouts = 0
  let gradients = 0
  const secondsSince = (began: number) => (performance.now() - began) / 1000
  return {
    crew,
    async openThinker() {
      const began = performance.now()
      const thinker = clusterThinker(crew, crew.publish(model))
      return {
        ...thinker,
        async close() {
          await thinker.close()
          rollouts += secondsSince(began)
        },
      }
    },
    runner: {
      async run(...work) {
        const began = performance.now()
        await shards.run(...work)
        gradients += secondsSince(began)
      },
      updated: () => void crew.publish(model),
    },
    takeReport() {
      const { bytes, transfer, busy, lost } = crew.takeFigures()
      const { workers, places } = crew
      const report = {
        ...{ workers, machines: places.length, rollouts, gradients },
        transfer: transfer / workers,
        waiting: Math.max(0, rollouts + gradients - busy / workers),
        ...{ bytes, lost },
      }
      rollouts = gradients = 0
      return report
    },
  }
}

/** Where a checkpoint lies here, and what else a training file says of the model. */
async function placed({ checkpoint, base, ...source }: ModelSource) {
  return { places: await checkpointPlaces(checkpoint!, base), source }
}
