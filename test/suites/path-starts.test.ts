/** The cold start of Countdown with paths that begin apart: its form, its order, and that its files say what they train. */

import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { countdownAnswer } from '../../src/assertions/countdown-answer.ts'
import { parallelStructure } from '../../src/assertions/index.ts'
import { openCheckpoint } from '../../src/engine/checkpoint/folder.ts'
import { Tokenizer } from '../../src/engine/checkpoint/tokenizer.ts'
import { parseThinkingConfig } from '../../src/providers/config.ts'
import { parseThinking } from '../../src/thinking/grammar.ts'
import { readThinking, withoutLayout } from '../../src/thinking/writing.ts'
import { coldStartParallel } from '../../suites/countdown/data.ts'
import { leaksOfRows } from '../../suites/countdown/leaks.ts'
import { coldStartStarts, STARTS } from '../../suites/countdown/path-starts.ts'
import { type EvalProvider, folder, loaderConfig, responsesOf, yaml } from './suite.ts'

const SETTINGS = loaderConfig('cold-start.parallel.yaml')
const rows = coldStartStarts({ ...SETTINGS, count: 250, seed: 5 })

const blocksOf = (text: string) => readThinking(text, parseThinking(text).tree).flatMap((part) => (part.kind === 'block' ? [part] : []))

describe('the cold start with paths that begin apart', () => {
  it('begins path k with letter k, repeats no try in a block, and is well-formed and true', () => {
    let found = 0
    for (const { text, row } of responsesOf(rows)) {
      const providerResponse = { metadata: { pathStarts: STARTS } }
      expect(parallelStructure(text, { config: { strictLayout: true, minBlocks: 1 }, providerResponse }).reason).toMatch(/^\d well-formed/)
      expect(withoutLayout(text)).toBe(text)
      for (const { paths } of blocksOf(text)) {
        expect(paths).toHaveLength(STARTS.length)
        paths.forEach((said, k) => {
          expect(said.startsWith(STARTS[k])).toBe(true)
        })
      }
      const { pass } = countdownAnswer(text, { vars: { ...row.vars } })
      expect(pass).toBe(text.includes(' yes</Path>'))
      if (pass) found++
    }
    expect(found).toBeGreaterThan(500)
  })

  it('puts the tries of a block in the order of their first moves, so that letters tell them apart', () => {
    const first = STARTS.map(() => new Map<number, number>())
    for (const { text, row } of responsesOf(rows)) {
      const numbers = row.vars.numbers.split(' ').map(Number)
      for (const { paths } of blocksOf(text)) {
        const places = paths.map((said, k) => numbers.indexOf(Number(/^\d+/.exec(said.slice(STARTS[k].length))![0])))
        expect(places).toEqual([...places].sort((a, b) => a - b))
        places.forEach((place, k) => {
          first[k].set(place, (first[k].get(place) ?? 0) + 1)
        })
      }
    }
    const share = (k: number, place: number) => (first[k].get(place) ?? 0) / [...first[k].values()].reduce((a, b) => a + b, 0)
    expect(share(0, 0)).toBeGreaterThan(2 * share(4, 0))
  })

  it('makes the tries of the other form on its problems, and gives no test problem away', () => {
    const other = coldStartParallel({ ...SETTINGS, count: 250, seed: 5 })
    expect(rows.map(({ vars }) => `${vars.numbers} = ${vars.target}`)).toEqual(other.map(({ vars }) => `${vars.numbers} = ${vars.target}`))
    expect(leaksOfRows(rows)).toMatchObject({ rows: 250, leaks: [] })
  })

  it('fits its budget in the tokens of the shipped tokenizer, a start one of them', () => {
    const tokenizer = Tokenizer.load(path.join(folder, 'tokenizer'))
    for (const start of STARTS) expect(tokenizer.encode(start)).toHaveLength(1)
    for (const start of STARTS)
      expect(tokenizer.encode(`${start}11 + 5`)).toEqual([...tokenizer.encode(start), ...tokenizer.encode('11 + 5')])
    const { config } = provider('rl.parallel.yaml', 'parallel')
    const longest = Math.max(...responsesOf(rows).map(({ text }) => tokenizer.encode(text).length + 1))
    expect(longest).toBeLessThanOrEqual(config.maxTokens as number)
  })

  it('is decoded with the settings of paths drawn alike, but for the starts and how many there are', () => {
    const { pathStarts, ...config } = provider('rl.parallel.yaml', 'parallel').config
    expect(pathStarts).toEqual(STARTS)
    const more = { checkpoint: './checkpoints/parallel', paths: STARTS.length, maxTokens: 416 }
    expect(config).toEqual({ ...provider('rl.parallel-10.yaml', 'parallel').config, ...more })
  })

  it('is compared with the settings it was trained with', async () => {
    const trained = parseThinkingConfig(provider('rl.parallel.yaml', 'parallel').config, 'rl')
    const { parallel } = await openCheckpoint(path.join(folder, 'checkpoints/parallel'))
    expect(parallel).toMatchObject({ pathStarts: STARTS, paths: STARTS.length })
    const compared = parseThinkingConfig(provider('promptfooconfig.yaml', 'parallel').config, 'eval')
    for (const key of ['maxTokens', 'answerReserve', 'temperature', 'paths', 'maxBlocks'] as const) expect(compared[key]).toBe(trained[key])
  })
})

function provider(name: string, label: string): EvalProvider {
  return yaml(name).providers.find((one) => typeof one === 'object' && one.label === label) as EvalProvider
}
