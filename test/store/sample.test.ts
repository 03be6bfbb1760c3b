import { homedir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { samplesFile } from '../../src/store/location.ts'
import { decodeThought, encodeThought, sampleKey } from '../../src/store/sample.ts'
import type { ThinkRequest, Thought, TokenRun } from '../../src/thinking/types.ts'

const engine = { device: 'cpu', precision: 'f32', isa: 'avx2' } as const
const request: ThinkRequest = {
  promptIds: [5, 6, 7],
  mode: 'parallel',
  attention: 'structured',
  tags: { parallel: 1, parallelEnd: 2, path: 3, pathEnd: 4, summary: 8, summaryEnd: 9, newline: [10], eos: [0] },
  paths: 3,
  maxBlocks: 2,
  budgets: { response: 100, path: 20 },
  temperature: 1,
  seed: 11,
}

describe('sampleKey', () => {
  const key = sampleKey('hash', engine, request)

  it('is the same for what is answered alike', () => {
    expect(key).toMatch(/^[\w-]{43}$/)
    expect(sampleKey('hash', { ...engine }, structuredClone(request))).toBe(key)
    // As it was before tags could be text: no stored sample is lost.
    expect(key).toBe('dzPqJoCRm13V61273uQMUs5gt7-fWeSEJ7VpdVCVQKw')
    expect(sampleKey('hash', engine, { ...request, topK: 0, topP: 1 })).toBe(key)
    expect(sampleKey('hash', engine, { ...request, tags: { ...request.tags, outline: 11, outlineEnd: 12 } })).toBe(key)
    const { seed, ...rest } = request
    expect(sampleKey('hash', engine, { seed, ...rest })).toBe(key)
  })

  it('differs for everything that decides a sample', () => {
    const changes: Partial<ThinkRequest>[] = [
      { promptIds: [5, 6] },
      { promptIds: [5, 67] },
      { mode: 'sequential' },
      { attention: 'causal' },
      { tags: { ...request.tags, eos: [0, 1] } },
      { paths: 4 },
      { maxBlocks: 3 },
      { budgets: { response: 99, path: 20 } },
      { budgets: { response: 100, block: 20 } },
      { budgets: { response: 100, path: 20, answerReserve: 0 } },
      { temperature: 0.5 },
      { topK: 5 },
      { topP: 0.9 },
      { seed: 12 },
      { outlines: true, tags: { ...request.tags, outline: 11, outlineEnd: 12 } },
      { outlines: true, tags: { ...request.tags, outline: 13, outlineEnd: 12 } },
      { settledBy: { text: ' yes', read: () => '' } },
      { pathStarts: [{ text: 'a', ids: [9] }] },
      { pathStarts: [{ text: 'a', ids: [8] }] },
      { settledBy: { text: ' no', read: () => '' } },
      { tagText: { written: {} as never, piece: () => '', write: () => [], completing: [] } },
    ]
    const keys = changes.map((change) => sampleKey('hash', engine, { ...request, ...change }))
    keys.push(sampleKey('other', engine, request))
    keys.push(sampleKey('hash', { ...engine, isa: 'portable' }, request))
    keys.push(sampleKey('hash', { ...engine, precision: 'bf16' }, request))
    keys.push(sampleKey('hash', { ...engine, device: 'cuda' }, request))
    expect(new Set([key, ...keys]).size).toBe(keys.length + 1)
  })
})

describe('a stored thought', () => {
  const run = fc
    .array(
      fc.record({
        id: fc.nat(200_000),
        sampled: fc.boolean(),
        logprob: fc.float({ noDefaultInfinity: true }),
        exclusion: fc.integer({ min: -1, max: 3 }),
      }),
      { maxLength: 20 },
    )
    .map(
      (tokens): TokenRun => ({
        ids: tokens.map(({ id }) => id),
        sampled: tokens.map(({ sampled }) => sampled),
        logprobs: tokens.map(({ logprob }) => logprob),
        exclusions: tokens.map(({ exclusion }) => exclusion),
      }),
    )
  const segment = fc.oneof(
    fc.record({ kind: fc.constant('text' as const), tokens: run }),
    fc.record({ kind: fc.constant('block' as const), open: run, paths: fc.array(run, { maxLength: 4 }), close: run }),
  )
  const thought: fc.Arbitrary<Thought> = fc.record({
    trajectory: fc.record({
      promptIds: fc.constant(request.promptIds),
      segments: fc.array(segment, { maxLength: 4 }),
      exclusionSets: fc.array(fc.array(fc.nat(100)), { maxLength: 3 }),
      temperature: fc.double({ min: 0, max: 2, noNaN: true }),
    }),
    ids: fc.array(fc.nat(200_000)),
    finishReason: fc.constantFrom('stop' as const, 'length' as const),
    totalTokens: fc.nat(),
    criticalPathTokens: fc.nat(),
    blocks: fc.array(fc.record({ paths: fc.array(fc.nat()), summary: fc.nat() })),
  })

  it('comes back exactly, NaN and -0 among its log-probabilities too', () => {
    fc.assert(
      fc.property(thought, (value) => {
        expect(decodeThought(encodeThought(value), request.promptIds)).toEqual(value)
      }),
    )
  })

  it('is absent where its bytes cannot be read', () => {
    expect(decodeThought(Buffer.from('not a serialized value'), [])).toBeUndefined()
    expect(decodeThought(new Uint8Array(), [])).toBeUndefined()
  })
})

describe('samplesFile', () => {
  const at = (configured?: string, env: Record<string, string> = {}) => samplesFile({ configured, basePath: '/suite', env })

  it('lies beside the data of promptfoo', () => {
    expect(at()).toBe(path.join(homedir(), '.promptfoo/parallel-r1/samples.db'))
    expect(at(undefined, { PROMPTFOO_CONFIG_DIR: '/data' })).toBe(path.resolve('/data/parallel-r1/samples.db'))
  })

  it('is where the config says, and before that where the environment says', () => {
    expect(at('runs/s.db')).toBe(path.resolve('/suite/runs/s.db'))
    expect(at('off')).toBeUndefined()
    expect(at('runs/s.db', { PR1_SAMPLES: 'x.db' })).toBe(path.resolve('x.db'))
    expect(at('off', { PR1_SAMPLES: 'x.db' })).toBe(path.resolve('x.db'))
    expect(at('runs/s.db', { PR1_SAMPLES: 'off' })).toBeUndefined()
    expect(at('runs/s.db', { PR1_SAMPLES: '' })).toBe(path.resolve('/suite/runs/s.db'))
  })
})
