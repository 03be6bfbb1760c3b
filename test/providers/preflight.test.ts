import { cpSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { singleFile } from '../../src/engine/checkpoint/safetensors.ts'
import { ModelPool } from '../../src/providers/pool.ts'
import { checkProviders } from '../../src/providers/preflight.ts'
import { ParallelThinkingProvider } from '../../src/providers/provider.ts'
import { writeTinyCheckpoint } from './tiny-checkpoint.ts'

const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-preflight-'))
const pool = new ModelPool()
beforeAll(async () => {
  await writeTinyCheckpoint(path.join(folder, 'whole'))
  for (const name of ['cut', 'unreadable', 'mute', 'served'])
    cpSync(path.join(folder, 'whole'), path.join(folder, name), { recursive: true })
  const weights = path.join(folder, 'cut', singleFile)
  truncateSync(weights, statSync(weights).size - 1)
  writeFileSync(path.join(folder, 'unreadable', 'config.json'), '{ "model_type": ')
  rmSync(path.join(folder, 'mute', 'tokenizer.json'))
  rmSync(path.join(folder, 'served', singleFile))
})
afterAll(async () => {
  await pool.releaseAll()
  rmSync(folder, { recursive: true })
})

function provider(checkpoint: string, more: object = {}): ParallelThinkingProvider {
  const made = new ParallelThinkingProvider({ config: { basePath: folder, checkpoint, device: 'cpu', samples: 'off', ...more } }, pool)
  made.label = `the ${checkpoint} one`
  return made
}

it('passes what can answer, without loading it, and what is not of this package', async () => {
  const server = { server: { url: 'http://localhost:1/v1', model: 'served' }, device: undefined }
  await checkProviders([provider('whole'), provider('served', server), { id: () => 'echo' }, 'echo'])
  expect(pool.size).toBe(0)
})

it('names each provider that cannot answer, and why', async () => {
  const broken = ['whole', 'none', 'cut', 'unreadable', 'mute', 'served']
  const found = await checkProviders(broken.map((name) => provider(name))).then(
    () => '',
    (error: Error) => error.message,
  )
  const lines = found.split('\n')
  const at = (name: string) => `The provider "the ${name} one" cannot answer. `
  expect(lines[0]).toContain(`${at('none')}No checkpoint at ${path.join(folder, 'none')}`)
  expect(lines[1]).toContain(`${at('cut')}${path.join(folder, 'cut', singleFile)}: `)
  expect(lines[2]).toContain(`${at('unreadable')}${path.join(folder, 'unreadable', 'config.json')}: `)
  expect(lines[3]).toMatch(/^The provider "the mute one" cannot answer\. .*tokenizer/)
  expect(lines[4]).toContain(`${at('served')}${path.join(folder, 'served')}: expected model.safetensors`)
  expect(lines.slice(5)).toEqual(['No row was asked.'])
})
