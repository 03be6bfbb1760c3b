import path from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { readTrainConfig } from '../../../src/trainer/config/config-file.ts'
import { compareAtResume, configHash, configTable, decisiveTable } from '../../../src/trainer/config/config-table.ts'
import { parseTrainConfig } from '../../../src/trainer/config/parse-config.ts'
import { root } from '../runs.ts'

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
    expect(hash('countdown/train.parallel.yaml')).toBe('89089306b78cc6ab')
    expect(hash('countdown/train.sequential.yaml')).toBe('0f94ddb8db3d3fd8')
    expect(hash('countdown/train.parallel-last.yaml')).toBe('233a90702dbbbc79')
    expect(hash('countdown/train.sequential-last.yaml')).toBe('094d988d1e36e9a3')
    expect(hash('countdown/train.parallel-10.yaml')).toBe('e1425bfa7979b10e')
    expect(hash('countdown/train.sequential-10.yaml')).toBe('a8aadb4830593290')
    expect(hash('dapo/train.parallel.yaml')).toBe('9d4adc588d504130')
  })
})

describe('compareAtResume', () => {
  const saved = (more: Record<string, string> = {}) => ({ ...decisiveTable(parse()), ...more })
  const without = (key: string) => Object.fromEntries(Object.entries(saved()).filter(([name]) => name !== key))
  const compare = (then: Record<string, string>, now = parse(), allowed?: string[]) => compareAtResume(then, now, allowed)
  const same = { lengths: [], changes: [], refused: [] }

  it('lets places, threads, saves and the size of the cache change', () => {
    const changes = { output: 'elsewhere', threads: 3, cacheTokens: 99, save: { every: 1, keep: 9, dtype: 'float32' } }
    expect(compare(saved(), parse(changes))).toEqual(same)
  })

  it('takes a key that the run was saved without at its default', () => {
    for (const key of ['stages.a.1.eps', 'stages.b.betas', 'recompute', 'seed']) expect(compare(without(key))).toEqual(same)
    const claim = { ...grpo, pathCredit: { reward: 'answer', claim: ' yes' } }
    expect(compare(without('stages.a.1.eps'), parse({}, [{ ...sft, eps: 1e-6 }, grpo])).refused).toEqual([
      { path: 'stages.a.1.eps', was: '1e-8', is: '0.000001' },
    ])
    expect(compare(saved(), parse({ numerics: 'fast' })).refused).toEqual([{ path: 'numerics', was: 'exact', is: 'fast' }])
    expect(compare(saved(), parse({}, [sft, claim])).refused).toContainEqual({
      path: 'stages.b.pathCredit.claim',
      was: 'absent',
      is: ' yes',
    })
    expect(compare(saved({ 'stages.a.1.each': 'x' })).refused).toEqual([{ path: 'stages.a.1.each', was: 'x', is: 'absent' }])
  })

  it('lets the reward change where that is allowed, and nothing else with it', () => {
    const then = saved({ 'stages.b.reward': 'anser' })
    const change = { path: 'stages.b.reward', was: 'anser', is: 'answer' }
    expect(compare(then)).toEqual({ ...same, refused: [change] })
    expect(compare(then, parse(), ['reward'])).toEqual({ ...same, changes: [change] })
    const { changes, refused } = compare({ ...then, seed: '99' }, parse(), ['reward'])
    expect([changes, refused]).toEqual([[change], [{ path: 'seed', was: '99', is: '1' }]])
  })

  it('names a key that this version has not', () => {
    for (const path of ['stages.b.critic', 'model.init.rank'])
      expect(compare(saved({ [path]: '0.1' })).refused).toEqual([{ path, was: '0.1', is: 'no key of this version' }])
  })

  it('names every change of numbers', () => {
    const now = parse({ seed: 2 }, [
      { ...sft, steps: 4 },
      { ...grpo, lr: 0.5 },
    ])
    expect(compare(saved(), now).refused).toEqual([
      { path: 'seed', was: '1', is: '2' },
      { path: 'stages.a.1.steps', was: 'absent', is: '4' },
      { path: 'stages.b.lr', was: '0.000001', is: '0.5' },
      { path: 'stages.a.1.epochs', was: '1', is: 'absent' },
    ])
  })

  it('reports changed steps', () => {
    const lengths = [{ stage: 'b', was: 3, is: 9 }]
    expect(compare(saved(), parse({}, [sft, { ...grpo, steps: 9 }]))).toEqual({ ...same, lengths })
  })
})
