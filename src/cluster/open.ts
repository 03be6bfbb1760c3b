/** From settings to a crew: the bridge to Ray is started, and asked for workers. */

import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { RaySettings } from '../config/ray-keys.ts'
import { ConfigError } from '../engine/errors.ts'
import type { EngineInfo, Numerics, Precision } from '../engine/types.ts'
import { packageVersion } from '../version.ts'
import { Bridge } from './bridge.ts'
import { Crew, type Placer } from './crew.ts'
import type { EngineSetup, ModelSetup } from './protocol.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface CrewSetup {
  /** Of this process, which the workers' must equal. */
  info: EngineInfo
  /** As the configuration asked. */
  precision: Precision
  numerics: Numerics
  model: ModelSetup
  say(line: string): void
}

/** Connects to Ray, which takes seconds, or with a `local` cluster some more. Throws ClusterError where Ray or its cluster cannot be reached. */
export function startRay({ address, workers, threads, python }: RaySettings): Promise<Placer> {
  return Bridge.start({ address, cpus: workers * threads, ...(python !== undefined && { python }) })
}

/** Asks for workers. The crew closes what places them. Throws ConfigError for a device that workers cannot have. */
export function openCrew(placer: Placer, settings: RaySettings, { info, precision, numerics, model, say }: CrewSetup): Crew {
  if (info.device === 'tfjs') {
    throw new ConfigError('Workers run on device: cpu or cuda. Got device: tfjs beside "ray". Set device: cpu, or leave "ray" out.')
  }
  const { workers, threads, deadline } = settings
  const engine: EngineSetup = {
    device: info.device,
    // What `auto` was here must not be another there. Blocks are told by the weights.
    precision: info.precision === 'f32' || info.precision === 'bf16' ? info.precision : precision,
    numerics,
    threads,
  }
  const { device, isa } = info
  return new Crew(placer, {
    workers,
    threads,
    command: workerCommand(settings.package),
    env: process.env.PR1_ISA ? { PR1_ISA: process.env.PR1_ISA } : {},
    deadline,
    setup: { version: packageVersion(), engine, model },
    info: { device, precision: info.precision, isa },
    say,
  })
}

/** How a worker is started on its machine. A checkout that is not built runs its sources, as the tests do. */
function workerCommand(folder = root): string[] {
  if (!import.meta.url.endsWith('.ts')) return [process.execPath, path.join(folder, 'dist', 'worker', 'main.js')]
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  return [process.execPath, '--import', loader, path.join(folder, 'src', 'worker', 'main.ts')]
}
