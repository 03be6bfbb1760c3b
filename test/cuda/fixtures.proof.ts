import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { judged, logprobsOf } from '../../bundle/fixtures.mjs'
import { openEngine } from '../../src/engine/open.ts'
import { sharedPath } from '../shared.ts'
import { changedLibrary, emulatedLibrary } from './build.ts'

/** The bundle's check of the fixtures: it passes kernels that are right and refuses those that are a little wrong. */
const root = sharedPath('fixtures/models')

async function run(library: string) {
  process.env.PR1_CUDA = library
  process.env.PR1_CUBLASLT = 'off'
  const engine = await openEngine({ device: 'cuda' })
  try {
    return await logprobsOf(engine, root!)
  } finally {
    await engine.dispose()
  }
}

const rows = '    a.q_stride = static_cast<int64_t>(heads) * D;\n'

describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64' || !root)('fixtures on the device', () => {
  const saved = { ...process.env }
  let twin: Awaited<ReturnType<typeof run>>
  beforeAll(async () => {
    twin = await run(emulatedLibrary())
  })
  afterEach(() => {
    for (const name of ['PR1_CUDA', 'PR1_CUBLASLT']) {
      if (saved[name] === undefined) delete process.env[name]
      else process.env[name] = saved[name]
    }
  })

  // A 2^x that is off by two of its last bits, as the hardware's may be: values are rounded to bfloat16 elsewhere than in the twin.
  it('are right where the last bits are others', async () => {
    const others = await run(changedLibrary('another-exp', [['platform.h', 'return exp2f(x);', 'return exp2f(x) * (1.0f + 0x1p-22f);']]))
    for (const [i, { family, got, want }] of others.entries()) {
      expect(got, family).not.toEqual(twin[i].got)
      const { ok, detail } = judged(got, twin[i].got, want)
      expect(ok, `${family}: ${detail}`).toBe(true)
    }
  })

  it.each([
    [
      'q of one head is off by 1 %',
      'ops.cu',
      rows,
      `${rows}    emulation::issue([=] {
      for (int64_t t = 0; t < T; t++) {
        for (int d = 0; d < h.dim; d++) {
          bf16& x = rows[(t * heads + 1) * D + d];
          x = to_bf16(from_bf16(x) * 1.01f);
        }
      }
    });
`,
    ],
    [
      'the newest key is not seen',
      'plan.h',
      'visible.push_back(queries[t].visible)',
      'visible.push_back(queries[t].visible - (queries[t].visible > 40 ? 1 : 0))',
    ],
  ])('are wrong where %s', async (what, file, text, other) => {
    const wrong = await run(changedLibrary(what.replaceAll(/\W+/g, '-'), [[file, text, other]]))
    for (const [i, { family, got, want }] of wrong.entries()) {
      const { ok, detail } = judged(got, twin[i].got, want)
      expect(ok, `${family}: ${detail}`).toBe(false)
    }
  })

  it('are wrong where a number is not finite', () => {
    const [{ got, want }] = twin
    expect(judged(got, got, want).ok).toBe(true)
    expect(judged(got.with(3, Number.NaN), got, want).ok).toBe(false)
    expect(judged(got.with(3, Number.NEGATIVE_INFINITY), got, want).ok).toBe(false)
  })
})
