import path from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { parseTrainConfig } from '../../src/trainer/config.ts'
import { readTrainConfig } from '../../src/trainer/config-file.ts'
import { compareAtResume, configHash, configTable, decisiveTable } from '../../src/trainer/config-table.ts'
import { root } from './runs.ts'

const sft = { name: 'a.1', kind: 'sft', suite: './s.yaml', response: '{{ x }}' }
const grpo = { name: 'b', kind: 'grpo', suite: './r.yaml', provider: 'p', steps: 3, reward: 'answer' }
const parse = (more: object = {}, stages: object[] = [sft, grpo]) =>
  parseTrainConfig({ output: 'out', model: { checkpoint: './m' }, stages, ...more }, path.resolve('/configs/train.yaml'))

afterEach(() => vi.unstubAllEnvs())

describe('the table of a configuration', () => {
  it('tells what decides the numbers from where things lie', () => {
    const one = parse()
    const moved = { ...parse({ threads: 1, save: { every: 3 } }), output: path.resolve('/other') }
    expect(configHash(moved)).toBe(configHash(one))
    expect(configHash(parse({ seed: 2 }))).not.toBe(configHash(one))
    expect(decisiveTable(one)).toMatchObject({ 'stages.b.group': '8', 'stages.b.kind': 'grpo' })
    // A hash from before there was the key stays; one that becomes fast does not.
    expect(decisiveTable(one)).not.toHaveProperty('numerics')
    expect(decisiveTable(parse({ numerics: 'fast' }))).toHaveProperty('numerics', 'fast')
    expect(configTable(one).find(([key]) => key === 'stages.b.betas')?.[1]).toBe('[0.9,0.95]')
    expect(configTable(one)[0]).toEqual(['file', path.resolve('/configs/train.yaml')])
  })

  it('keeps the hash that exported checkpoints hold: no new key changes that of an older file', () => {
    vi.stubEnv('PR1_PARALLEL', 'models/a')
    const hash = (name: string) => configHash(readTrainConfig(path.join(root, 'suites', name)))
    expect(hash('countdown/train.parallel.yaml')).toBe('e1425bfa7979b10e')
    expect(hash('countdown/train.sequential.yaml')).toBe('a8aadb4830593290')
    expect(hash('dapo/train.parallel.yaml')).toBe('9d4adc588d504130')
  })
})

describe('compareAtResume', () => {
  const saved = (more: Record<string, string> = {}) => ({ ...decisiveTable(parse()), ...more })
  const without = (key: string) => Object.fromEntries(Object.entries(saved()).filter(([name]) => name !== key))
  const compare = (then: Record<string, string>, now = parse()) => compareAtResume(then, now, { folder: 'the/state' }).lengths

  it('lets places, threads, saves and the size of the cache change', () => {
    const changes = { output: 'elsewhere', threads: 3, cacheTokens: 99, save: { every: 1, keep: 9, dtype: 'float32' } }
    expect(compare(saved(), parse(changes))).toEqual([])
  })

  it('takes a key that the run was saved without at its default', () => {
    for (const key of ['stages.a.1.eps', 'stages.b.betas', 'recompute', 'seed']) expect(compare(without(key))).toEqual([])
    expect(() => compare(without('stages.a.1.eps'), parse({}, [{ ...sft, eps: 1e-6 }, grpo]))).toThrow(
      'stages.a.1.eps was 1e-8, is 0.000001',
    )
    expect(() => compare(saved(), parse({ numerics: 'fast' }))).toThrow('numerics was exact, is fast')
    expect(() => compare(saved({ 'stages.a.1.each': 'x' }))).toThrow('stages.a.1.each was x, is absent')
  })

  it('lets the reward change where that is allowed, and nothing else with it', () => {
    const then = saved({ 'stages.b.reward': 'anser' })
    expect(() => compare(then)).toThrow(
      'stages.b.reward was anser, is answer. Change it back, allow it with --allow-change reward, or start',
    )
    const { changes } = compareAtResume(then, parse(), { folder: 'the/state', allowed: ['reward'] })
    expect(changes).toEqual([{ path: 'stages.b.reward', was: 'anser', is: 'answer' }])
    const more = { ...then, seed: '99' }
    expect(() => compareAtResume(more, parse(), { folder: 'the/state', allowed: ['reward'] })).toThrow(
      /changed: seed was 99, is \d+\. Change it back, or/,
    )
  })

  it('names a key that this version has not', () => {
    expect(() => compare(saved({ 'stages.b.critic': '0.1' }))).toThrow('stages.b.critic was 0.1, and there is no such key any more')
    expect(() => compare(saved({ 'model.init.rank': '8' }))).toThrow('model.init.rank was 8, and')
  })

  it('names every change of numbers and the next step', () => {
    const now = parse({ seed: 2 }, [sft, { ...grpo, lr: 0.5 }])
    expect(() => compare(saved(), now)).toThrow(
      'the configuration changed: seed was 1, is 2; stages.b.lr was 0.000001, is 0.5. Change it back, or start a new run from the/state as model.checkpoint.',
    )
    expect(() => compare(saved(), parse({}, [{ ...sft, steps: 4 }, grpo]))).toThrow('stages.a.1.steps was absent, is 4')
  })

  it('reports changed steps', () => {
    expect(compare(saved(), parse({}, [sft, { ...grpo, steps: 9 }]))).toEqual([{ stage: 'b', was: 3, is: 9 }])
  })
})
