import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine, TrainBatch } from '../../../src/engine/types.ts'
import { inProofs } from '../../proofs.ts'
import { sharedPath } from '../../shared.ts'
import { type Candidate, candidates } from './engines.ts'

interface Case {
  name: string
  ids: number[]
  positions: number[]
  hidden: [number, number][][]
  logprobs: number[]
  argmax: number[]
  weights: number[]
  grads: Record<string, [number, number[]]>
}
interface Fixture {
  cases: Case[]
  adamw: {
    cases: string[]
    lr: number
    betas: [number, number]
    eps: number
    weight_decay: number
    clip: number
    loss_and_gradnorm: [number, number][]
  }
}

/** All cases; for a slow backend and a large model one of each attention mode, which are compared with native at length in train.test.ts. */
function casesFor({ slow }: Candidate, large: boolean, { cases }: Fixture): [string, Case][] {
  const named = cases.map((c): [string, Case] => [c.name, c])
  return slow && large ? named.filter(([name]) => name === 'causal-short/causal' || name === 'one-block/structured') : named
}

const shared = sharedPath('fixtures/models')
/** Made by test/fixtures/make_models.py. */
const own = fileURLToPath(new URL('../../fixtures/models', import.meta.url))
const folders = [shared, own].flatMap((root) => (root ? readdirSync(root).map((name) => path.join(root, name)) : []))

/** Packs cases one after the other. */
function pack(cases: Case[]): TrainBatch {
  const levels = Math.max(1, ...cases.flatMap((c) => c.hidden.map((ranges) => ranges.length)))
  const total = cases.reduce((n, c) => n + c.ids.length, 0)
  const hidden = new Int32Array(total * levels * 2)
  const bounds = [0]
  for (const c of cases) {
    const start = bounds.at(-1)!
    c.hidden.forEach((ranges, t) => {
      ranges.forEach(([begin, end], level) => {
        hidden.set([start + begin, start + end], ((start + t) * levels + level) * 2)
      })
    })
    bounds.push(start + c.ids.length)
  }
  return {
    ids: Int32Array.from(cases.flatMap((c) => c.ids)),
    positions: Int32Array.from(cases.flatMap((c) => c.positions)),
    bounds: Int32Array.from(bounds),
    hidden,
    hiddenLevels: levels,
  }
}

describe.each(candidates)('PyTorch reference values: $name', (candidate) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await candidate.open()
  })
  afterAll(() => engine.dispose())

  for (const folder of folders) {
    const fixture = JSON.parse(readFileSync(path.join(folder, 'cases.json'), 'utf8')) as Fixture

    describe(path.basename(folder), () => {
      it.each(casesFor(candidate, !folder.startsWith(own), fixture))('%s: log-probabilities, argmax, gradients', async (_, c) => {
        const model = await engine.load(folder, { train: true })
        const batch = pack([c])
        const { logprobs } = await model.forward(batch)
        expect(logprobs.length).toBe(c.ids.length)
        c.logprobs.forEach((expected, i) => {
          expect(Math.abs(logprobs[i] - expected), `logprob ${i}`).toBeLessThan(1e-4 * Math.max(1, Math.abs(expected) / 4))
        })
        await model.backward(Float32Array.from([...c.weights, 0]))
        for (const [name, [norm, first]] of Object.entries(c.grads)) {
          const gradient = model.read(name, 'gradient')
          const found = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0))
          expect(Math.abs(found - norm) / Math.max(norm, 1e-3), `gradient norm of ${name}`).toBeLessThan(1e-3)
          first.forEach((expected, i) => {
            expect(Math.abs(gradient[i] - expected), `${name}[${i}]`).toBeLessThan(1e-3 * Math.max(1, norm))
          })
        }
        // The decode half: the most likely token after every prefix, one sequence a prefix.
        if (c.hidden.every((ranges) => ranges.length === 0)) {
          const out = await model.step(
            c.ids.map((_, i) => ({
              sequence: model.create(),
              ids: c.ids.slice(0, i + 1),
              positions: c.positions.slice(0, i + 1),
              sampling: { temperature: 0, seed: 0, stream: 0 },
            })),
          )
          expect(out.map(({ id }) => id)).toEqual(c.argmax)
        }
        await model.dispose()
      })

      const quick = inProofs || !candidate.slow || folder.startsWith(own)
      it.runIf(quick)('three AdamW steps over two packed cases', async () => {
        const { adamw } = fixture
        const model = await engine.load(folder, { train: true })
        const cases = adamw.cases.map((name) => fixture.cases.find((c) => c.name === name)!)
        const batch = pack(cases)
        const count = cases.reduce((n, c) => n + c.ids.length - 1, 0)
        for (const [loss, norm] of adamw.loss_and_gradnorm) {
          const { logprobs } = await model.forward(batch)
          expect(Math.abs(-logprobs.reduce((a, b) => a + b, 0) / count - loss) / loss).toBeLessThan(1e-4)
          await model.backward(new Float32Array(batch.ids.length).fill(-1 / count))
          const { gradNorm, skipped } = await model.update({
            lr: adamw.lr,
            betas: adamw.betas,
            eps: adamw.eps,
            weightDecay: adamw.weight_decay,
            clip: adamw.clip,
          })
          expect(skipped).toBe(false)
          expect(Math.abs(gradNorm - norm) / norm).toBeLessThan(1e-3)
        }
        await model.dispose()
      })
    })
  }
})
