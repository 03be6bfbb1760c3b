import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { NativeBatch, NativeModelHandle } from '../../../src/engine/native/binding.ts'
import { openEngine } from '../../../src/engine/open.ts'
import type { Engine } from '../../../src/engine/types.ts'
import { lively, tiny } from '../conformance/engines.ts'

/** The addon itself, below the checks: whatever it is handed, it reads and writes only where something is. */
describe('guards of the addon', () => {
  let engine: Engine
  let handle: NativeModelHandle
  beforeAll(async () => {
    engine = await openEngine({ device: 'cpu', threads: 1 })
    handle = Reflect.get(await engine.create(tiny, lively(1), { cacheTokens: 64 }), 'handle')
  })
  afterAll(() => engine.dispose())

  const ints = (...values: number[]) => Int32Array.from(values)

  const step = {
    ids: ints(1, 2),
    positions: ints(0, 1),
    counts: ints(2),
    runCounts: ints(1),
    runs: ints(0, 2),
    sampling: Float64Array.of(1, 0, 1, 0, 0, -1, 0),
    offsets: ints(0),
    excluded: ints(),
  }
  const run = (change: Partial<typeof step>) => {
    const s = { ...step, ...change }
    return handle.step(s.ids, s.positions, s.counts, s.runCounts, s.runs, s.sampling, s.offsets, s.excluded)
  }

  it('takes a step that is right, whose new slots are the last of its runs', async () => {
    const whole = await run({})
    await run({ ids: ints(1), positions: ints(0), counts: ints(1), runs: ints(63, 64) })
    const later = await run({ ids: ints(2), positions: ints(1), counts: ints(1), runCounts: ints(2), runs: ints(63, 64, 5, 6) })
    expect(later).toEqual(whole)
  })

  it.each<[string, Partial<typeof step>]>([
    ['an id of another vocabulary', { ids: ints(1, tiny.vocabSize) }],
    ['a negative position', { positions: ints(0, -1) }],
    ['positions that are too few', { positions: ints(0) }],
    ['a slot behind the cache', { runs: ints(63, 65) }],
    ['a slot before it', { runs: ints(-1, 1) }],
    ['a run of nothing', { runs: ints(2, 2) }],
    ['fewer slots than tokens', { runs: ints(0, 1) }],
    ['more tokens than the cache has', { runCounts: ints(2), runs: ints(0, 64, 0, 64) }],
    ['more tokens than there are', { counts: ints(3), runs: ints(0, 3) }],
    ['fewer', { counts: ints(1) }],
    ['an input of nothing', { counts: ints(0) }],
    ['more runs than there are', { runCounts: ints(2) }],
    ['fewer runs', { runs: ints(0, 2, 4, 6) }],
    ['half a run', { runCounts: ints(2), runs: ints(0, 2, 4) }],
    ['too little of sampling', { sampling: new Float64Array(6) }],
    ['an exclude set that is not there', { sampling: Float64Array.of(1, 0, 1, 0, 0, 0, 0) }],
    ['as many drafts as tokens', { sampling: Float64Array.of(1, 0, 1, 0, 0, -1, 2) }],
    ['fewer drafts than none', { sampling: Float64Array.of(1, 0, 1, 0, 0, -1, -1) }],
    ['an excluded id of another vocabulary', { offsets: ints(0, 1), excluded: ints(tiny.vocabSize) }],
    ['offsets behind the ids', { offsets: ints(0, 1) }],
  ])('refuses a step with %s', (_, change) => {
    expect(() => run(change)).toThrow(/out of range/)
  })

  const batch: NativeBatch = {
    ids: ints(1, 2, 3),
    positions: ints(0, 1, 2),
    bounds: ints(0, 3),
    hidden: ints(),
    hiddenLevels: 0,
    targets: new Uint8Array(0),
    exclusion: ints(),
    exclusionOffsets: ints(0),
    exclusionIds: ints(),
    temperature: 1,
  }

  it.each<[string, Partial<NativeBatch>]>([
    ['an id of another vocabulary', { ids: ints(1, 2, -1) }],
    ['a position behind the last', { positions: ints(0, 1, tiny.maxPositions) }],
    ['bounds that end too late', { bounds: ints(0, 4) }],
    ['bounds that do not ascend', { bounds: ints(0, 2, 2, 3) }],
    ['a token that hides itself', { hidden: ints(0, 0, 0, 0, 0, 3), hiddenLevels: 1 }],
    ['hidden ranges that are too few', { hidden: ints(0, 0), hiddenLevels: 1 }],
    ['targets that are too few', { targets: new Uint8Array(1) }],
    ['an exclusion set that is not there', { exclusion: ints(0, -1, -1) }],
  ])('refuses a batch with %s', (_, change) => {
    expect(() => handle.forward({ ...batch, ...change }, true, false)).toThrow(/out of range/)
  })

  it('refuses values and weights of another length', async () => {
    await handle.forward(batch, true, false)
    expect(() => handle.backward(new Float32Array(2))).toThrow(/weights out of range/)
    // No entropies to be had of that forward.
    expect(() => handle.backward(new Float32Array(3), new Float32Array(3))).toThrow(/entropyWeights out of range/)
    for (const layers of [0, -1, Number.NaN]) {
      expect(() => handle.backward(new Float32Array(3), undefined, layers)).toThrow(/layers out of range/)
      expect(() => handle.backwardOn(layers)).toThrow(/layers out of range/)
    }
    await expect(handle.backwardOn(1)).rejects.toThrow(/backward needs the activations of a forward/)
    expect(() => handle.write(0, 0, new Float32Array(2))).toThrow(/values out of range/)
    expect(() => handle.addGradient(0, new Float32Array(2))).toThrow(/values out of range/)
    expect(() => handle.read(999, 0)).toThrow(/No such parameter/)
  })
})
