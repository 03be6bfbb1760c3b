/** What a run is told beside its configuration, and how it ends. */

import type { Placer } from '../../cluster/crew.ts'
import type { FileOps } from '../../engine/checkpoint/atomic.ts'
import type { TrainOverrides } from '../config/config-file.ts'
import type { ProbeOptions } from '../doctor/probe.ts'
import type { Output } from './log.ts'

export interface TrainOptions {
  /** Go on from the newest saved state, from the beginning where there is none. `previous`: from the newest that is whole, where others are damaged. */
  resume?: boolean | 'previous'
  /** What the command line said in place of the file, for the command that goes on with the run. */
  overrides?: TrainOverrides
  /** Keys whose change a resume accepts and writes into the log of the run. */
  allowChange?: readonly string[]
  /** A folder with the rows of all suites, which `pr1-train suites` or another run left: promptfoo is not asked. Absolute. */
  suites?: string
  /** This stage only, from the export of the one before it. */
  stage?: string
  /** Everything up to the plan, nothing written. */
  dryRun?: boolean
  /** Prints every setting before it begins, those at their defaults too. */
  allSettings?: boolean
  /** With `dryRun`: a few rollouts of every grpo stage, and what they say of the stage (doctor/). */
  doctor?: ProbeOptions & { color: boolean }
  /** Finishes the step under way, saves, and returns `interrupted`. */
  signal?: AbortSignal
  /** Where lines go. Default: standard output. */
  output?: Output
  /** For tests: what writes checkpoints. */
  ops?: FileOps
  /** For tests: who places the workers of `ray`. */
  placeWorkers?(): Promise<Placer>
  /** For tests: take the rows that the folder of the run holds even where no step is saved yet. */
  keptSuites?: boolean
}

export type Outcome = 'finished' | 'interrupted' | 'planned'
