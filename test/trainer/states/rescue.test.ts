import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { ParallelR1Error } from '../../../src/engine/errors.ts'
import { hiddenNames, smallDisk } from '../disks.ts'
import { folderWithSuites, results, run, states, wholeRun } from '../runs.ts'

/** The run that all others are compared with: 5 steps of SFT, 3 of GRPO, never interrupted. */
let whole: string

beforeAll(async () => {
  ;({ whole } = await wholeRun())
})

describe('a run whose folder goes', () => {
  it.each<[string, (folder: string) => void]>([
    ['the folder', (folder) => renameSync(folder, `${folder}.gone`)],
    ['its lock', (folder) => rmSync(path.join(folder, readdirSync(folder).find((name) => name.startsWith('lock-'))!))],
  ])('stops without %s, and the model is written elsewhere', async (_, lose) => {
    const folder = folderWithSuites(whole)
    const output = {
      write(line: string) {
        if (line.startsWith('rl 1/3')) lose(folder)
      },
    }
    const error = (await run(folder, { output }).catch((caught: unknown) => caught)) as Error
    expect(error).toBeInstanceOf(ParallelR1Error)
    const [, saved] = /can no longer be written .* Everything up to step 6 is saved in (.*step-00000006)\. Move it into /.exec(
      error.message,
    )!
    if (existsSync(`${folder}.gone`)) {
      renameSync(`${folder}.gone`, folder)
      // Another process than this one would have ended, and its lock would be stale.
      for (const name of readdirSync(folder)) if (name.startsWith('lock-')) rmSync(path.join(folder, name))
    }
    cpSync(saved, path.join(folder, 'checkpoints', path.basename(saved)), { recursive: true })
    rmSync(path.resolve(saved, '../..'), { recursive: true })
    expect((await run(folder)).outcome).toBe('finished')
    expect(results(folder)).toEqual(results(whole))
  })
})

describe('a run whose disk fails', () => {
  it('leaves the last state whole on a full disk, says so, and goes on when there is room', async () => {
    for (const room of [120_000, 230_000]) {
      const folder = folderWithSuites(whole)
      await expect(run(folder, { ops: smallDisk(room) })).rejects.toThrow(/disk is full.*--resume/s)
      expect(states(folder).length).toBeGreaterThan(0)
      expect(hiddenNames(folder)).toEqual([])
      expect(existsSync(path.join(folder, 'final'))).toBe(false)
      expect((await run(folder)).outcome).toBe('finished')
      expect(results(folder)).toEqual(results(whole))
    }
  })

  it('says what the disk refused, without a stack trace', async () => {
    const folder = folderWithSuites(whole)
    mkdirSync(path.join(folder, 'metrics.jsonl'))
    const error = await run(folder).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(ParallelR1Error)
    expect(String(error)).toMatch(/The disk failed\. .*go on with --resume\. \(EISDIR.*metrics\.jsonl/)
  })
})
