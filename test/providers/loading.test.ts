import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { openCheckpoint } from '../../src/engine/checkpoint/folder.ts'
import { readWeights } from '../../src/engine/checkpoint/weights.ts'
import { modelSpec } from '../../src/engine/families/index.ts'
import { parametersOf } from '../../src/engine/spec.ts'
import { withLoadingBar } from '../../src/providers/loading.ts'
import { writeTinyCheckpoint } from './tiny-checkpoint.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'pr1-loading-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What the bar shows at each drawing, where every tensor takes `ms`. */
async function load(ms: number) {
  const checkpoint = await openCheckpoint(folder)
  let text = ''
  let clock = 0
  const screen = { isTTY: true, columns: 100, write: (part: string) => (text += part) }
  const watched = withLoadingBar(checkpoint, { screen, env: {}, now: () => (clock += ms) })
  const names: string[] = []
  for await (const { spec } of readWeights(watched, parametersOf(modelSpec(checkpoint.config)))) names.push(spec.name)
  return { names, frames: text.split('\r\x1b[2K').slice(1) }
}

it('a model that takes long to load shows how far it is, and the bar is gone when it is there', async () => {
  await writeTinyCheckpoint(folder)
  const { names, frames } = await load(600)
  expect(frames).toHaveLength(names.length)
  expect(frames[0]).toMatch(new RegExp(`^loading ${path.basename(folder)} .* [\\d,]+ of [\\d,]+ parameters, .*/s, .* left$`))
  expect(frames.at(-2)).toContain('100%')
  expect(frames.at(-1)).toBe('')
  expect((await load(1)).frames).toEqual([])
})
