import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { merged } from '../../src/engine/adapters/merge.ts'
import { saveAdapters } from '../../src/engine/adapters/write.ts'
import { roundBfloat16 } from '../../src/engine/checkpoint/floats.ts'
import { openCheckpoint, saveCheckpoint } from '../../src/engine/checkpoint/folder.ts'
import { exportCommand } from '../../src/export/command.ts'
import { tensorsOf, tinyContent } from '../engine/checkpoint/tiny.ts'

const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-export-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function run(...args: string[]): Promise<string> {
  let out = ''
  await exportCommand(args, (text) => {
    out += text
  })
  return out
}

const at = (name: string) => path.join(folder, name)

describe('pr1-export', () => {
  it('takes the last export of a run there and back', async () => {
    await saveCheckpoint(at('runs/mine/final'), tinyContent())
    expect(await run(at('runs/mine'), at('out/mine.gguf'), '--type', 'f32')).toBe(`Wrote ${at('out/mine.gguf')} in f32.\n`)
    expect(readFileSync(at('out/mine.gguf')).subarray(0, 300).toString('latin1')).toMatch(/^GGUF.*general\.name.*mine/s)
    await run(at('out/mine.gguf'), at('back'), '--type=f32')
    const [before, after] = [await openCheckpoint(at('runs/mine/final')), await openCheckpoint(at('back'))]
    expect(after.config).toEqual(before.config)
    expect(after.parallel).toEqual(before.parallel)
    expect(after.tokenizer?.encode('the 12 <Path>')).toEqual(before.tokenizer?.encode('the 12 <Path>'))
    expect(await tensorsOf(after)).toEqual(await tensorsOf(before))
  })

  it('merges an adapter into its base, or into the one that is named', async () => {
    await saveCheckpoint(at('base'), tinyContent(1))
    await saveCheckpoint(at('other'), tinyContent(2))
    const { config, generation, parallel } = tinyContent()
    const weights = ({ shape }: { shape: number[] }) => Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => Math.sin(i + 1))
    const part = { weight: 'model.layers.0.mlp.up_proj.weight', rank: 2, scale: 1.5 }
    const content = {
      config,
      generation,
      weights,
      parallel: { ...parallel!, paths: 5 },
      base: '../../../base',
      adapters: { parts: [part], tokens: [3] },
    }
    await saveAdapters(at('runs/lora/final'), content)
    const [expected, other] = await Promise.all(
      [undefined, at('other')].map(async (base) => tensorsOf(merged(await openCheckpoint(at('runs/lora/final'), { base })))),
    )
    expect(expected).not.toEqual(await tensorsOf(at('base')))
    // The folder of the run holds it in final.
    await run(at('runs/lora'), at('merged'), '--type', 'f32')
    expect(readdirSync(at('merged')).filter((name) => name.startsWith('adapter'))).toEqual([])
    const whole = await openCheckpoint(at('merged'))
    expect([whole.adapters, whole.parallel!.paths]).toEqual([undefined, 5])
    expect(await tensorsOf(whole)).toEqual(expected)
    await run(at('runs/lora'), at('half'))
    const halves = [...expected].map(([name, values]): [string, Float32Array] => [name, roundBfloat16(values)])
    expect(await tensorsOf(at('half'))).toEqual(new Map(halves))
    await run(at('runs/lora'), at('merged.gguf'), '--type', 'f32', '--base', at('other'))
    expect(await tensorsOf(at('merged.gguf'))).toEqual(other)
  })

  it.each([
    [['model'], 'takes a model and what to write. Got model. Run: pr1-export model out.gguf'],
    [['model', 'x.gguf', '--type', 'q6_k'], '--type of a file is one of f32, f16, bf16, q8_0, q4_0. Got "q6_k".'],
    [['model', 'x', '--type', 'q8_0'], '--type of a folder is one of f32, bf16. Got "q8_0".'],
    [['x.gguf', 'folder', '--pre', 'gpt-2'], 'A folder keeps the tokenizer itself'],
    [['./nowhere', 'x.gguf'], 'no such file or folder'],
  ])('refuses %j', async (args, message) => {
    await expect(run(...args)).rejects.toThrow(message)
  })

  it('asks for --pre where llama.cpp cuts no text as the tokenizer does, and says so of what it wrote', async () => {
    const countdown = path.resolve('suites/countdown/checkpoints/sequential-10')
    await expect(run(countdown, at('c.gguf'))).rejects.toThrow(
      /pre_tokenizer: expected one that llama\.cpp has.*Name the nearest with --pre/s,
    )
    expect(existsSync(at('c.gguf'))).toBe(false)
    await run(countdown, at('c.gguf'), '--pre', 'gpt-2')
    expect(existsSync(at('c.gguf'))).toBe(true)
  })
})
