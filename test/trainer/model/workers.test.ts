/** A run on workers gives the bits of one without. The workers are processes; who places them does not matter here (test/cluster/ has Ray). */

import { availableParallelism } from 'node:os'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { loadAddon } from '../../../src/engine/native/binding.ts'
import { Processes } from '../../cluster/processes.ts'
import { fixture, folderWithSuites, metrics, results, run, wholeRun } from '../runs.ts'

// A worker takes seconds to start, on a machine that does other work many more.
vi.setConfig({ testTimeout: 200_000 })

/** As many as the updates of the small file would not have by themselves. */
const SHARDS = ['shards=4']

/** The run of one process. */
let whole: string
beforeAll(async () => {
  whole = await alone()
}, 200_000)

/** A run of one process. */
async function alone(...sets: string[]): Promise<string> {
  const folder = folderWithSuites((await wholeRun()).whole)
  await run(folder, { sets: [...SHARDS, ...sets] })
  return folder
}

async function onWorkers(workers: number, { threads = 1, sets = [] as string[], watch = (_: Processes) => {} } = {}) {
  const folder = folderWithSuites(whole)
  const placed: Processes[] = []
  const { text, outcome } = await run(folder, {
    sets: [...SHARDS, `ray={workers: ${workers}, threads: ${threads}}`, ...sets],
    placeWorkers: async () => {
      const processes = new Processes()
      placed.push(processes)
      watch(processes)
      return processes
    },
  })
  return { folder, text, outcome, processes: placed[0] }
}

describe('a run on workers', () => {
  it('warns of more threads than this machine has CPUs, when it is planned', async () => {
    const cpus = availableParallelism()
    const sets = [`ray={ address: local, workers: ${32 * cpus} }`]
    const { text } = await run(folderWithSuites(whole), { sets: [...SHARDS, ...sets], dryRun: true })
    expect(text).toContain(`are ${32 * cpus} threads on ${cpus} CPU`)
    expect(text).toContain(`Use workers: ${cpus},`)
  })

  it.each([1, 2, 4])('gives the bits of a run in one process, on %i of them', async (workers) => {
    const { folder, text } = await onWorkers(workers, { threads: workers === 2 ? 2 : 1 })
    expect(results(folder)).toEqual(results(whole))
    expect(text).toMatch(new RegExp(`Workers: ${workers} of `))
    expect(text).toMatch(/workers on 1 machine: rollouts \d/)
  })

  it('gives them when every twentieth call kills its worker', async () => {
    let calls = 0
    const { folder, text, processes } = await onWorkers(2, {
      watch: (processes) => {
        processes.onCall = (worker) => {
          if (++calls % 20 === 0) processes.kill(worker)
        }
      },
    })
    expect(results(folder)).toEqual(results(whole))
    const lives = [...processes.running.values()].reduce((sum, { life }) => sum + life, 0)
    expect(lives).toBeGreaterThanOrEqual(4)
    // Where the other worker is not back yet, there is nobody to do its work.
    expect(text).toMatch(/was lost .*(?:Others do its work|Its work waits)/)
    expect(text).toMatch(/runs again, on 127\.0\.0\.1/)
  })

  it('gives them where weights and gradients travel in parts, and workers are killed while they do', async () => {
    // 1.5 M parameters: three parts.
    const sets = ['hiddenSize=256', 'layers=3', 'intermediateSize=512'].map((size) => `model.init.architecture.${size}`)
    const few = [...sets, 'stages.base.steps=3', 'stages.rl.steps=2']
    const killed = { weights: 0, gradient: 0 }
    const asked = new Set<unknown>()
    /** Parts that left before the backward that makes them had ended, and workers that are at one. */
    let early = 0
    const ending = new Set<number>()
    const { folder } = await onWorkers(2, {
      sets: few,
      watch: (processes) => {
        let calls = 0
        processes.onReply = (worker, { op, last }) => {
          if (op === 'backward' && last) ending.delete(worker)
          if (op === 'gradient' && ending.has(worker)) early++
        }
        processes.onCall = (worker, { op, part, last }) => {
          if (op === 'backward' && last) ending.add(worker)
          if (op !== 'weights' && op !== 'gradient') return
          asked.add(part)
          // The part in the middle of some of them: others of its kind are under way.
          if (part !== 1 || ++calls % 5 > 0) return
          killed[op]++
          processes.kill(worker)
        }
      },
    })
    expect([...asked].sort()).toEqual([0, 1, 2])
    expect(early).toBeGreaterThan(0)
    expect(killed.weights).toBeGreaterThan(0)
    expect(killed.gradient).toBeGreaterThan(0)
    expect(results(folder)).toEqual(results(await alone(...few)))
  })

  it('lets a slow worker take fewer prompts', async () => {
    const taken = [0, 0]
    const { folder } = await onWorkers(2, {
      sets: ['stages.rl.prompts=12', 'stages.rl.steps=1'],
      watch: (processes) => {
        processes.onCall = (worker, { op }) => {
          if (op !== 'think') return
          taken[worker]++
          const [fast, slow] = taken
          if (worker === 1 && slow === 1) processes.running.get(1)!.child.kill('SIGSTOP')
          if (fast >= 8) processes.running.get(1)!.child.kill('SIGCONT')
        }
      },
    })
    expect(taken[0]).toBeGreaterThan(taken[1])
    expect(results(folder)).toEqual(results(await alone('stages.rl.prompts=12', 'stages.rl.steps=1')))
  })

  it('evaluates on them, and follows a reference policy, to the same bits', async () => {
    const sets = [
      `stages.rl.evaluate={name: sums, suite: ${fixture('held-out.yaml')}, provider: parallel, metric: digits, every: 2}`,
      'stages.rl.kl=0.1',
      'stages.rl.topEntropy=0.5',
      'stages.rl.steps=2',
    ]
    const expected = await alone(...sets)
    const { folder } = await onWorkers(2, { sets })
    expect(metrics(folder)).toEqual(metrics(expected))
    expect(results(folder)).toEqual(results(expected))
  })

  it.skipIf(!loadAddon().instructionSets.includes('avx2'))('takes a worker with other instructions that give the same bits', async () => {
    const { folder, text } = await onWorkers(2, { watch: (processes) => processes.environments.set(1, { PR1_ISA: 'avx2' }) })
    expect(results(folder)).toEqual(results(whole))
    expect(text).not.toMatch(/takes no part/)
  })

  it('leaves out a worker that computes other bits, and ends where all do', async () => {
    const { folder, text } = await onWorkers(2, { watch: (processes) => processes.environments.set(1, { PR1_ISA: 'portable' }) })
    expect(results(folder)).toEqual(results(whole))
    expect(text).toMatch(
      /Worker 1 on 127\.0\.0\.1 takes no part: its instruction set is portable, and the run's is \S+: its numbers would have other bits/,
    )
    const all = onWorkers(1, { watch: (processes) => processes.environments.set(0, { PR1_ISA: 'portable' }) })
    await expect(all).rejects.toThrow(/^No worker can take part\. Worker 0 .* instruction set is portable/)
  })

  it('ends with the error of a piece that fails, as a run in one process does', async () => {
    const wrong = 'stages.rl.reward=nothing'
    const here = await alone(wrong).catch((error: Error) => error)
    const there = await onWorkers(1, { sets: [wrong] }).catch((error: Error) => error)
    expect(there).toEqual(here)
    expect(there).toBeInstanceOf(Error)
  })
})
