/**
 * Keeps the rollouts of a run. A step's file appears whole or not at all. Past a bound on the disk the steps are thinned evenly: those go first
 * whose number is divided least often by 2, so a long run keeps every second, then every fourth step and so on, and always the newest.
 */

import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { diskOps, type FileOps, writeFileAtomic } from '../engine/checkpoint/atomic.ts'
import { encodeStep, type KeptRollout, type StepHeader, type StepPlace, stepFile } from './format.ts'
import { type KeptFile, listSteps, rolloutsFolder } from './reader.ts'

interface KeepOptions {
  /** Steps of a stage that are kept: every one whose number this divides; 0: none. */
  every: number
  /** Most that they take on the disk, in 10⁶ bytes. */
  megabytes: number
}

/** What the configuration of a run is called in its folder of rollouts. */
export const runFile = 'run.json'

export class RolloutsWriter {
  private readonly run: string
  private readonly home: string
  private readonly options: KeepOptions
  private readonly ops: FileOps
  private kept: (KeptFile & { bytes: number })[] = []

  constructor(run: string, options: KeepOptions, ops: FileOps = diskOps) {
    this.run = run
    this.home = rolloutsFolder(run)
    this.options = options
    this.ops = ops
  }

  /**
   * A run begins, or goes on, after `total` steps: what was kept of later ones is made again, so it goes, as does what a kill left half-written.
   * `config` is kept for those who read the rollouts.
   */
  async begin(total: number, config: { stages: readonly { kind: string }[] }): Promise<void> {
    if (existsSync(this.home)) {
      for (const name of readdirSync(this.home)) if (name.startsWith('.')) rmSync(join(this.home, name), { force: true })
      for (const step of listSteps(this.run)) {
        if (step.total > total) rmSync(step.file)
        else this.kept.push({ ...step, bytes: statSync(step.file).size })
      }
    }
    if (this.options.every === 0 || !config.stages.some(({ kind }) => kind === 'grpo')) return
    mkdirSync(this.home, { recursive: true })
    await writeFileAtomic(join(this.home, runFile), `${JSON.stringify({ config }, null, 2)}\n`, this.ops)
  }

  keeps({ step }: Pick<StepPlace, 'step'>): boolean {
    return this.options.every > 0 && step % this.options.every === 0
  }

  /** Puts a step on the disk. Throws a system error where the folder is gone: it is not made anew. */
  async write(header: Omit<StepHeader, 'format' | 'rollouts'>, rollouts: readonly KeptRollout[]): Promise<void> {
    const { stage, step, total } = header
    const file = join(this.home, stepFile({ stage, step, total }))
    const content = encodeStep(header, rollouts)
    await writeFileAtomic(file, content, this.ops)
    await this.ops.sync(this.home)
    this.kept.push({ stage, step, total, file, bytes: content.length })
    await this.thin()
  }

  private async thin(): Promise<void> {
    let bytes = this.kept.reduce((sum, one) => sum + one.bytes, 0)
    const most = 1e6 * this.options.megabytes
    if (bytes <= most) return
    const { every } = this.options
    // The sort is stable: of equals the oldest goes first.
    const order = this.kept.slice(0, -1).sort((a, b) => halvings(a.step / every) - halvings(b.step / every))
    const gone = new Set<KeptFile>()
    for (const one of order) {
      if (bytes <= most) break
      await this.ops.remove(one.file)
      gone.add(one)
      bytes -= one.bytes
    }
    this.kept = this.kept.filter((one) => !gone.has(one))
  }
}

/** How often 2 divides `n`; of steps that an earlier `every` kept, 0. */
function halvings(n: number): number {
  let times = 0
  for (let rest = n; rest > 0 && rest % 2 === 0; rest /= 2) times += 1
  return times
}
