import { readdirSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { folderWithSuites, run, wholeRun } from '../runs.ts'

let whole: string
let plan: string

beforeAll(async () => {
  ;({ whole, plan } = await wholeRun())
})

describe('the plan of a run', () => {
  it('says of the engine each thing once', () => {
    const [line] = plan.match(/^Engine: .*$/m)!
    expect(line).toMatch(/^Engine: cpu, f32, [\w-]+, \d+ threads? \(native CPU engine, float32 throughout, [^()]+\)$/)
    const [, , isa] = line.split(', ')
    expect(line.split(isa)).toHaveLength(2)
  })

  it('has settings, engine, parameters, memory and stages before step 0', () => {
    const before = plan.slice(0, plan.indexOf('base 1/5'))
    for (const part of ['Engine: cpu, f32', 'Parameters: 5,680', 'activations', '24 samples, 572 tokens', '2 prompts x 4 samples']) {
      expect(before).toContain(part)
    }
  })

  it('begins with the settings that somebody chose and the usual ones; --all-settings has the others', async () => {
    const keys = (text: string) =>
      text
        .slice(0, text.indexOf('\nEngine: '))
        .split('\n')
        .map((line) => line.trim().split(' ')[0])
    const { text } = await run(folderWithSuites(whole), { dryRun: true, sets: ['stages.rl.klIn=loss'] })
    expect(keys(text)).toEqual(
      expect.arrayContaining(['Settings', 'seed', 'stages.rl.loss', 'stages.rl.klIn', 'stages.base.warmup', 'save.keep']),
    )
    for (const hidden of ['stages.rl.clipHigh', 'recompute', 'tensorboard']) expect(keys(text)).not.toContain(hidden)
    const all = await run(folderWithSuites(whole), { dryRun: true, allSettings: true })
    const more = keys(all.text).filter((key) => !keys(text).includes(key))
    expect(more).toEqual(expect.arrayContaining(['stages.rl.clipHigh', 'recompute', 'tensorboard']))
    expect(text).toContain(`\n  and ${more.length} at their defaults, which --all-settings prints\n`)
  })

  it('counts the activations of the largest forward that an update can fill', async () => {
    const plan = async (...more: string[]) => {
      const sets = ['stages.base.microBatchTokens=110', 'stages.rl.microBatchTokens=8192', ...more]
      const { text } = await run(folderWithSuites(whole), { dryRun: true, sets })
      return Number(/at most (\d+) tokens a forward/.exec(text)![1])
    }
    const tokens = await plan()
    const longest = tokens / 8
    // Two prompts of four samples each fill it, and nothing else does.
    expect(longest).toBe(Math.round(longest))
    expect(await plan('stages.rl.group=2')).toBe(4 * longest)
    expect(await plan('stages.rl.updates=2')).toBe(4 * longest)
    expect(await plan('stages.rl.prompts=200')).toBe(8192)
    // Shards of more than an eighth, and a group that goes over.
    expect(await plan('stages.rl.prompts=16', 'shards=8')).toBe(8 * longest + 4 * longest)
    expect(await plan('stages.rl.prompts=16', 'shards=8', 'stages.rl.kl=0.1')).toBe(64 * longest)
  })

  it('is all that a dry run makes: it writes nothing', async () => {
    const folder = folderWithSuites(whole)
    const { outcome, text } = await run(folder, { dryRun: true })
    expect(outcome).toBe('planned')
    expect(text).toContain('Memory plan')
    expect(text).toMatch(/KV cache +[1-9]/)
    expect(readdirSync(folder)).toEqual(['suites'])
  })

  it('has no KV cache where every stage is supervised', async () => {
    const { text } = await run(folderWithSuites(whole), { dryRun: true, stage: 'base' })
    expect(text).toMatch(/KV cache +0\.0 KiB/)
  })
})
