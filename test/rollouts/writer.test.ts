import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { diskOps, type FileOps } from '../../src/engine/checkpoint/atomic.ts'
import { encodeStep, RolloutsError } from '../../src/rollouts/format.ts'
import { listSteps, readStep, rolloutsFolder } from '../../src/rollouts/reader.ts'
import { RolloutsWriter } from '../../src/rollouts/writer.ts'
import { header, newRun, rollout } from './steps.ts'

const config = { stages: [{ kind: 'sft' }, { kind: 'grpo' }], seed: 7 }
const steps = (run: string) => listSteps(run).map(({ step }) => step)

async function write(
  run: string,
  from: number,
  to: number,
  { every = 1, megabytes = 1, ops = diskOps as FileOps } = {},
): Promise<RolloutsWriter> {
  const writer = new RolloutsWriter(run, { every, megabytes }, ops)
  await writer.begin(from - 1, config)
  for (let step = from; step <= to; step++) if (writer.keeps({ step })) await writer.write(header(step), [rollout()])
  return writer
}

/** Every effect on the disk after the first `last` fails, in the middle of a write too: a kill cleans nothing up. */
function dyingDisk(last: number): FileOps {
  let effects = 0
  const alive =
    <A extends unknown[], R>(effect: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (++effects > last) throw new Error('gone')
      return effect(...args)
    }
  const create: FileOps['create'] = async (file) => {
    const writer = await diskOps.create(file)
    return { ...writer, write: alive(async (data) => writer.write(data)) }
  }
  return {
    mkdir: alive(diskOps.mkdir),
    create: alive(create),
    rename: alive(diskOps.rename),
    sync: alive(diskOps.sync),
    remove: alive(diskOps.remove),
  }
}

describe('the writer of rollouts', () => {
  it('keeps the steps that it shall, and what they are rollouts of', async () => {
    const run = newRun()
    await write(run, 1, 7, { every: 3 })
    expect(listSteps(run)).toEqual(
      [3, 6].map((step) => ({ stage: 'rl', step, total: step, file: path.join(run, 'rollouts', `0000000${step}-rl-${step}.jsonl.gz`) })),
    )
    expect(readStep(listSteps(run)[1].file).rollouts).toEqual([rollout()])
    expect(JSON.parse(readFileSync(path.join(run, 'rollouts', 'run.json'), 'utf8'))).toEqual({ config })
  })

  it('writes nothing where it is off, and where nothing is sampled', async () => {
    for (const [every, stages] of [
      [0, config.stages],
      [1, [{ kind: 'sft' }]],
    ] as const) {
      const run = newRun()
      const writer = new RolloutsWriter(run, { every, megabytes: 1 })
      await writer.begin(0, { stages })
      expect(readdirSync(run)).toEqual([])
      expect(writer.keeps({ step: 4 })).toBe(every > 0)
    }
  })

  it('misses and doubles no step when it goes on, wherever it was killed', async () => {
    for (let last = 1; last <= 20; last++) {
      const run = newRun()
      await write(run, 1, 4, { ops: dyingDisk(last) }).catch(() => {})
      await write(run, 2, 4)
      const done = steps(run)
      expect(done.slice(-3), `effect ${last}`).toEqual([2, 3, 4])
      expect(done.length).toBeLessThanOrEqual(4)
      expect(readdirSync(rolloutsFolder(run)).filter((name) => name.startsWith('.'))).toEqual([])
    }
  })

  it('stays within its bound, thins evenly, and always keeps the newest', async () => {
    const run = newRun()
    const one = encodeStep(header(1), [rollout()]).length
    const bound = 8.9 * one
    await write(run, 1, 8, { megabytes: bound / 1e6 })
    expect(steps(run)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    await write(run, 9, 40, { megabytes: bound / 1e6 })
    const sizes = listSteps(run).map(({ file }) => readFileSync(file).length)
    expect(sizes.reduce((a, b) => a + b)).toBeLessThanOrEqual(bound)
    expect(steps(run)).toEqual([8, 16, 20, 24, 28, 32, 36, 40])
    await write(run, 41, 41, { megabytes: bound / 1e6 })
    expect(steps(run).at(-1)).toBe(41)
    // One step that is larger than the bound is kept, alone.
    await write(run, 42, 42, { megabytes: 1e-6 })
    expect(steps(run)).toEqual([42])
  })

  it('does not make a folder anew that went', async () => {
    const run = newRun()
    const writer = await write(run, 1, 1)
    rmSync(run, { recursive: true })
    await expect(writer.write(header(2), [])).rejects.toThrow(/ENOENT/)
    expect(existsSync(run)).toBe(false)
  })
})

describe('the reader', () => {
  it('finds nothing where nothing is kept, and passes over other files', async () => {
    const run = newRun()
    expect(listSteps(run)).toEqual([])
    writeFileSync(path.join(run, 'rollouts'), '')
    expect(listSteps(run)).toEqual([])
    expect(() => readStep(path.join(run, 'rollouts', '00000001-rl-1.jsonl.gz'))).toThrow(RolloutsError)
  })

  it('loses one step to damage, not the others', async () => {
    const run = newRun()
    await write(run, 1, 3)
    const [, second] = listSteps(run)
    writeFileSync(second.file, readFileSync(second.file).subarray(0, 40))
    expect(
      listSteps(run).map(({ file }) => {
        try {
          return readStep(file).header.step
        } catch (error) {
          return (error as Error).message
        }
      }),
    ).toEqual([1, expect.stringContaining(`${second.file} is damaged`), 3])
  })
})
