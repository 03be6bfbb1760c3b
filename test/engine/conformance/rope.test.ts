/** Every kind of RoPE scaling gives the log-probabilities of transformers, at positions up to 32767. */

import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openCheckpoint, saveCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { openEngine } from '../../../src/engine/open.ts'
import type { Engine, Model } from '../../../src/engine/types.ts'
import { editJson } from '../checkpoint/tiny.ts'
import { openTfjs } from './engines.ts'

interface Cases {
  positions: number[]
  ids: number[]
  cases: { name: string; base: string; change: Record<string, unknown>; logprobs: number[] }[]
}

const fixtures = path.resolve(import.meta.dirname, '../../fixtures')
/** By transformers 5.24.0: test/fixtures/rope/make_rope.py. */
const { positions, ids, cases }: Cases = JSON.parse(readFileSync(path.join(fixtures, 'rope/cases.json'), 'utf8'))
const batch = { ids: Int32Array.from(ids), positions: Int32Array.from(positions), bounds: Int32Array.of(0, ids.length) }

const folder = mkdtempSync(path.join(tmpdir(), 'pr1-rope-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** The folder of a case. */
function caseFolder({ name, base, change }: Cases['cases'][number]): string {
  const place = path.join(folder, name)
  cpSync(path.join(fixtures, 'models', base), place, { recursive: true })
  editJson(path.join(place, 'config.json'), (json) => {
    if ('rope_theta' in change) delete json.rope_parameters
    Object.assign(json, { max_position_embeddings: 32768 }, change)
  })
  return place
}

/** As the script does it, so that attention, and with it the rotation, matters. */
function strengthen(model: Model): Model {
  for (const { name } of model.parameters) {
    const factor = name.endsWith('q_proj.weight') ? 8 : name.endsWith('o_proj.weight') ? 4 : 1
    if (factor > 1)
      model.write(
        name,
        model.read(name).map((value) => value * factor),
      )
  }
  return model
}

describe.each([
  ['native', () => openEngine({ device: 'cpu', precision: 'f32', threads: 1 })],
  ['tfjs, JavaScript', () => openTfjs('javascript')],
] as const)('RoPE on %s', (_, open) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await open()
  })
  afterAll(() => engine.dispose())

  it.each(cases)('$name', async (one) => {
    const model = strengthen(await engine.load(caseFolder(one)))
    const { logprobs } = await model.forward(batch, { keep: false })
    // Frequencies without scaling are rounded once, those of transformers three times. The weights above enlarge that.
    const most = one.name === 'plain' ? 5e-4 : 1e-4
    for (const [i, expected] of one.logprobs.entries()) expect(Math.abs(logprobs[i] - expected), `token ${i}`).toBeLessThan(most)
    await model.dispose()
  })
})

describe('a scaled rotation', () => {
  it.each(cases)('is saved as it was read: $name', async (one) => {
    const { config } = await openCheckpoint(caseFolder(one))
    const place = path.join(folder, `${one.name} saved`)
    const weights = ({ shape }: { shape: readonly number[] }) => new Float32Array(shape.reduce((a, b) => a * b, 1))
    await saveCheckpoint(place, { config, weights, dtype: 'float32', generation: { eosTokenIds: [] } })
    expect((await openCheckpoint(place)).config).toEqual(config)
  })

  it('is trained: gradients follow the factor of cosines and sines', async () => {
    const yarn = cases.find(({ name }) => name === 'yarn')!
    const engines = [await openEngine({ device: 'cpu', precision: 'f32', threads: 1 }), await openTfjs('javascript')]
    const gradients: Float32Array[] = []
    for (const engine of engines) {
      const model = strengthen(await engine.load(caseFolder(yarn), { train: true }))
      await model.forward(batch)
      await model.backward(Float32Array.from(ids, (_, i) => (i + 1 < ids.length ? -1 : 0)))
      gradients.push(model.read('model.layers.0.self_attn.k_proj.weight', 'gradient'))
      await engine.dispose()
    }
    const largest = gradients[0].reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    for (const [i, value] of gradients[0].entries()) expect(Math.abs(value - gradients[1][i])).toBeLessThan(1e-3 * largest)
  })
})
