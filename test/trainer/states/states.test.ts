import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { diskOps, type FileOps } from '../../../src/engine/checkpoint/atomic.ts'
import { randomWeights } from '../../../src/engine/checkpoint/init.ts'
import { ConfigError, ParallelR1Error } from '../../../src/engine/errors.ts'
import { openEngine } from '../../../src/engine/open.ts'
import type { Engine } from '../../../src/engine/types.ts'
import type { Session } from '../../../src/trainer/model/session.ts'
import { readState, stateText, type TrainerState } from '../../../src/trainer/states/state.ts'
import { restoreOptimizer, States } from '../../../src/trainer/states/states.ts'
import { localShards } from '../../../src/trainer/update/shards.ts'
import { temporaryFolder, tensorsOf, tinyConfig, tinyContent } from '../../engine/checkpoint/build.ts'

let engine: Engine
let session: Session
/** A run with the states of steps 2 and 3; tests change copies of it. */
let master: string
let run: string
let newest: string

function stateAt(total: number, change: Partial<TrainerState> = {}): TrainerState {
  const learning = { skipped: 0, dropped: 0, updates: [total] }
  const config = { seed: '1', 'stages.a.kind': 'sft', 'stages.a.steps': '9', 'stages.b.kind': 'grpo', 'stages.b.steps': '4' }
  return {
    version: 2,
    stage: 0,
    step: total,
    total,
    updates: total,
    learning,
    seed: 1,
    base: 'scratch',
    metricsBytes: 0,
    config,
    ...change,
  }
}

const silent = () => {}

beforeAll(async () => {
  engine = await openEngine({ device: 'cpu', precision: 'f32', threads: 1 })
  const model = await engine.create(tinyConfig, randomWeights(1, tinyConfig), { train: true, cacheTokens: 0 })
  const moments = randomWeights(2, tinyConfig)
  for (const spec of model.parameters) for (const what of ['moment1', 'moment2'] as const) model.write(spec.name, moments(spec), what)
  const { tokenizer, generation, parallel } = tinyContent()
  const checkpoint = {
    folder: '',
    config: tinyConfig,
    tokenizer: tokenizer!,
    generation: { eosTokenIds: [...generation.eosTokenIds] },
    parallel: parallel!,
  }
  session = {
    model,
    checkpoint,
    openThinker: () => Promise.reject(),
    seed: 1,
    sharesPrompts: true,
    shards: { most: 1, leastTokens: 1 },
    runner: localShards(model),
  }
  master = temporaryFolder()
  for (const total of [1, 2, 3]) {
    const [{ name }] = model.parameters
    for (const what of ['weight', 'moment1'] as const) model.write(name, model.read(name, what).fill(total, 0, 1), what)
    await new States(master, silent).save(session, stateAt(total), 2)
  }
})

afterAll(() => engine.dispose())

beforeEach(() => {
  run = temporaryFolder()
  cpSync(master, run, { recursive: true })
  newest = path.join(run, 'checkpoints', 'step-00000003')
})

const names = () => readdirSync(path.join(run, 'checkpoints')).sort()
const files = () => readdirSync(newest, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
const edit = (name: string, change: (text: string) => string) => {
  const file = path.join(newest, name)
  writeFileSync(file, change(readFileSync(file, 'latin1')), 'latin1')
}

describe('the states of a run', () => {
  it('come back whole, the newest first, older ones than asked for gone', async () => {
    expect(names()).toEqual(['step-00000002', 'step-00000003'])
    const saved = (await new States(run, silent).newest(false))!
    expect(saved).toEqual({ folder: newest, state: stateAt(3), damaged: [] })
    const model = await engine.load(newest, { train: true, cacheTokens: 0 })
    await restoreOptimizer(model, saved)
    expect(model.updates).toBe(3)
    for (const { name } of model.parameters) {
      for (const what of ['weight', 'moment1', 'moment2'] as const) expect(model.read(name, what)).toEqual(session.model.read(name, what))
    }
    await model.dispose()
    expect(await new States(temporaryFolder(), silent).newest(false)).toBeUndefined()
  })

  it('are never gone on with from a flipped bit, in any of their files', async () => {
    const weights = await tensorsOf(newest)
    const states = new States(run, silent)
    const sources = files().map(({ parentPath, name }) => path.join(parentPath, name))
    expect(sources.map((file) => path.relative(newest, file)).sort()).toEqual([
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'parallel_r1.json',
      'tokenizer.json',
      'tokenizer_config.json',
      'trainer/moments.safetensors',
      'trainer/state.json',
    ])
    let refused = 0
    const place = fc.nat(2 ** 30 - 1).map((n) => n / 2 ** 30)
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...sources), place, fc.nat(7), fc.boolean(), async (file, at, bit, early) => {
        const whole = readFileSync(file)
        const bytes = Buffer.from(whole)
        bytes[Math.floor(at * Math.min(bytes.length, early ? 3000 : Number.POSITIVE_INFINITY))] ^= 1 << bit
        writeFileSync(file, bytes)
        try {
          const saved = await states.newest(false).catch((error: unknown) => error)
          if (saved instanceof ParallelR1Error) {
            refused++
            expect(saved.message).toContain(`${file}`)
            expect(saved.message).toMatch(/newest state of the run is damaged.* step-00000002.*--resume=previous|step-00000002/s)
            expect(await states.newest(true)).toMatchObject({ state: stateAt(2), damaged: [{ folder: newest }] })
          } else {
            // White space, or the name of the format: nothing that counts.
            expect(saved).toEqual({ folder: newest, state: stateAt(3), damaged: [] })
            expect(await tensorsOf(newest)).toEqual(weights)
          }
        } finally {
          writeFileSync(file, whole)
        }
      }),
      { numRuns: 100 },
    )
    expect(refused).toBeGreaterThan(66)
  })

  it.each<[string, () => void]>([
    ['a file that is gone', () => rmSync(path.join(newest, 'tokenizer.json'))],
    ['weights that are gone', () => rmSync(path.join(newest, 'model.safetensors'))],
    ['moments that are cut off', () => truncateSync(path.join(newest, 'trainer', 'moments.safetensors'), 4000)],
    [
      'moments without checksums',
      () =>
        edit('trainer/moments.safetensors', (text) => text.replace(/,"writer":"[^"]*","crc32":"([^"]*)"/, (all) => ' '.repeat(all.length))),
    ],
    ...['model.safetensors', 'trainer/moments.safetensors', 'trainer/state.json'].map((name): [string, () => void] => [
      `${name} of an older state`,
      () => cpSync(path.join(newest, '..', 'step-00000002', name), path.join(newest, name)),
    ]),
    ['a state that is empty', () => writeFileSync(path.join(newest, 'trainer', 'state.json'), '')],
    ['a state that is gone', () => rmSync(path.join(newest, 'trainer', 'state.json'))],
    [
      'a state that is a folder',
      () => {
        rmSync(path.join(newest, 'trainer', 'state.json'))
        mkdirSync(path.join(newest, 'trainer', 'state.json'))
      },
    ],
    ['a state that is no state', () => writeFileSync(path.join(newest, 'trainer', 'state.json'), '[]')],
    ['a state edited by hand', () => edit('trainer/state.json', (text) => text.replace('"step": 3', '"step": 1'))],
    [
      'all of it',
      () => {
        rmSync(newest, { recursive: true })
        mkdirSync(newest)
      },
    ],
  ])('are damaged by %s', async (_, damage) => {
    damage()
    const states = new States(run, silent)
    await expect(states.newest(false)).rejects.toThrow(/The newest state of the run is damaged\. .*step-00000003.* Use --resume=previous/s)
    expect(await states.newest(true)).toMatchObject({ state: stateAt(2), damaged: [{ folder: newest }] })
  })

  it.each<[string, Partial<TrainerState>, RegExp]>([
    ['a stage that is not there', { stage: 3, step: 0 }, /stage: expected 0 to 2, found 3/],
    ['a step beyond its stage', { stage: 1, step: 5, total: 3 }, /step: expected 0 to 3, found 5/],
    ['a step beyond the last stage', { stage: 2, step: 1 }, /step: expected 0 to 0, found 1/],
    ['a total of another folder', { total: 4 }, /total: expected that of step-00000003, found 4/],
    ['a negative step', { step: -1 }, /step: expected what a run writes/],
    ['a step that is no number', { step: null as unknown as number }, /step: expected what a run writes/],
  ])('are damaged by %s, though the checksum fits', async (_, change, message) => {
    writeFileSync(path.join(newest, 'trainer', 'state.json'), stateText(stateAt(3, change), {}))
    await expect(new States(run, silent).newest(false)).rejects.toThrow(message)
  })

  it('say so when none is whole', async () => {
    for (const name of names()) rmSync(path.join(run, 'checkpoints', name, 'config.json'))
    for (const previous of [false, true]) {
      await expect(new States(run, silent).newest(previous)).rejects.toThrow(
        /No state of the run is whole\. .*step-00000003.*another --output/s,
      )
    }
  })

  it('of another version are not damaged', async () => {
    const file = path.join(newest, 'trainer', 'state.json')
    for (const text of [JSON.stringify({ ...stateAt(3), version: 1 }), stateText({ ...stateAt(3), version: 3 as 2 }, {})]) {
      writeFileSync(file, text)
      await expect(readState(newest)).rejects.toThrow(ConfigError)
      await expect(new States(run, silent).newest(true)).rejects.toThrow(
        /has version [13], this pr1-train reads 2\. Go on with the version/,
      )
    }
  })

  it('that are damaged stand aside when the run goes on', async () => {
    const warnings: string[] = []
    const states = new States(run, (line) => warnings.push(line))
    for (let time = 0; time < 2; time++) {
      rmSync(path.join(newest, 'config.json'))
      await states.setAside((await states.newest(true))!)
      expect(names()).toEqual(['damaged-step-00000003', 'step-00000002'])
      expect(warnings.pop()).toMatch(/damaged and is now .*damaged-step-00000003\. .*config\.json: expected/)
      await states.save(session, stateAt(3), 2)
    }
    expect((await states.newest(false))?.state.total).toBe(3)
  })
})

describe('an old state', () => {
  it('that cannot be removed is a warning, and the run goes on', async () => {
    const warnings: string[] = []
    const ops: FileOps = {
      ...diskOps,
      remove: () => Promise.reject(Object.assign(new Error('EBUSY: resource busy'), { code: 'EBUSY' })),
    }
    const states = new States(run, (line) => warnings.push(line), ops)
    await states.save(session, stateAt(4), 2)
    expect(warnings).toEqual([
      expect.stringMatching(/^Warning: the old state .*step-00000002 could not be removed \(EBUSY: resource busy\)\./),
    ])
    expect((await states.newest(false))?.state.total).toBe(4)
    const locked = new States(run, (line) => warnings.push(line), { ...ops, rename: renameAllBut('step-00000003') })
    for (const total of [5, 6]) await locked.save(session, stateAt(total), 1)
    // Once for each that stays, not at every save.
    expect(warnings.filter((line) => line.includes('step-00000003 could'))).toHaveLength(1)
    expect((await states.newest(false))?.state.total).toBe(6)
  })

  it('is there whole or not at all, whenever the run is killed', async () => {
    for (let last = 0; last < 2; last++) {
      let effects = 0
      const dying: FileOps = { ...diskOps }
      for (const name of ['rename', 'remove'] as const) {
        const real: (...args: [string, string]) => Promise<void> = diskOps[name]
        dying[name] = async (...args: [string, string?]) => {
          // Only what befalls the old state counts.
          if (args[0].includes('step-00000002') && effects++ >= last) throw new Error('gone')
          await real(...(args as [string, string]))
        }
      }
      await new States(run, silent, dying).save(session, stateAt(4), 2)
      const old = names().filter((name) => name.includes('step-00000002'))
      expect(old).toEqual([last === 0 ? 'step-00000002' : expect.stringMatching(/^\.step-00000002\.tmp-/)])
      if (last === 0) expect(await readState(path.join(run, 'checkpoints', 'step-00000002'))).toEqual(stateAt(2))
    }
  })
})

function renameAllBut(name: string): FileOps['rename'] {
  return async (from, to) => {
    if (path.basename(from) === name) throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' })
    await diskOps.rename(from, to)
  }
}
