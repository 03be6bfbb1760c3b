/** The cold start of Countdown with outlines: its form, its search, and that its files say what they train. */

import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { countdownAnswer } from '../../src/assertions/countdown-answer.ts'
import { parallelStructure } from '../../src/assertions/index.ts'
import { Tokenizer } from '../../src/engine/checkpoint/tokenizer.ts'
import { parseThinkingConfig } from '../../src/providers/config.ts'
import { parseThinking } from '../../src/thinking/grammar.ts'
import { tagIdsFrom, wantedTags } from '../../src/thinking/tags.ts'
import { trajectoryFromIds } from '../../src/thinking/trajectory.ts'
import { readThinking, withoutLayout } from '../../src/thinking/writing.ts'
import { readTrainConfig } from '../../src/trainer/config/config-file.ts'
import { coldStartParallel } from '../../suites/countdown/data.ts'
import { leaksOfRows } from '../../suites/countdown/leaks.ts'
import { coldStartOutlines } from '../../suites/countdown/outlines.ts'
import { type EvalProvider, folder, loaderConfig, responsesOf, yaml } from './suite.ts'

const SETTINGS = loaderConfig('cold-start.outlines.yaml')
const { paths: PATHS, tries: TRIES } = SETTINGS
const rows = coldStartOutlines({ ...SETTINGS, count: 250, seed: 5 })

/** The blocks of a response. */
function blocksOf(text: string) {
  return readThinking(text, parseThinking(text).tree).flatMap((part) => (part.kind === 'block' ? [part] : []))
}

describe('the cold start with outlines', () => {
  it('names the first move of every path, no two alike in a block, and is well-formed and true', () => {
    const counts = new Map<number, number>()
    let found = 0
    for (const { text, row } of responsesOf(rows)) {
      expect(parallelStructure(text, { config: { outlines: true, strictLayout: true, minBlocks: 1 } }).reason).toMatch(/^\d well-formed/)
      expect(withoutLayout(text)).toBe(text)
      let tried = 0
      for (const { outlines, paths, summary } of blocksOf(text)) {
        counts.set(paths.length, (counts.get(paths.length) ?? 0) + 1)
        tried += paths.length
        expect(new Set(outlines).size).toBe(paths.length)
        paths.forEach((said, k) => {
          expect(said.startsWith(`${outlines![k]} = `)).toBe(true)
        })
        const hit = paths.find((said) => said.endsWith(' yes'))
        expect(summary).toBe(hit?.slice(0, hit.indexOf(', ')) ?? 'none')
      }
      // A try that repeats an earlier one stands in where all others begin alike.
      expect(tried).toBeLessThanOrEqual(2 * TRIES)
      const { pass } = countdownAnswer(text, { vars: { ...row.vars } })
      expect(pass).toBe(text.includes(' yes</Path>'))
      if (pass) found++
    }
    expect([...counts.keys()].sort()).toEqual(Array.from({ length: PATHS - 1 }, (_, k) => k + 2))
    for (const count of counts.values()) expect(count).toBeGreaterThan(50)
    expect(found).toBeGreaterThan(500)
  })

  it('asks the problems of the other forms in the same order, and gives no test problem away', () => {
    const asked = (list: typeof rows) => list.map(({ vars }) => `${vars.numbers} = ${vars.target}`)
    expect(asked(rows)).toEqual(asked(coldStartParallel({ ...SETTINGS, count: 250, seed: 5 })))
    expect(leaksOfRows(rows)).toMatchObject({ rows: 250, leaks: [] })
  })

  it('tries nothing twice but where all that is left begins alike, and ends a search where it found', () => {
    let repeated = 0
    for (const { text } of responsesOf(rows)) {
      const blocks = blocksOf(text)
      const said = blocks.flatMap(({ paths }) => paths)
      if (new Set(said).size < said.length) {
        repeated++
        expect(blocks.some(({ paths }) => paths.length === 2)).toBe(true)
      }
      for (const { paths } of blocks.slice(0, -1)) expect(paths.some((path) => path.endsWith(' yes'))).toBe(false)
    }
    expect(repeated).toBeLessThan(responsesOf(rows).length / 4)
  })

  it('fits its budget in the tokens of the shipped tokenizer, with the two tags behind its ids', () => {
    const shipped = Tokenizer.load(path.join(folder, 'tokenizer'))
    const tokenizer = shipped.withAddedTokens(wantedTags(true))
    expect([shipped.vocabSize, tokenizer.vocabSize]).toEqual([432, 434])
    const tags = tagIdsFrom(tokenizer, [tokenizer.idOf('<|endoftext|>')!])
    expect([tags.outline, tags.outlineEnd]).toEqual([432, 433])
    const { maxTokens } = provider('rl.outlines.yaml', 'outlines').config as { maxTokens: number }
    const lengths: number[] = []
    for (const { text } of responsesOf(rows)) {
      const ids = tokenizer.encode(text)
      lengths.push(ids.length + 1)
      const blocks = trajectoryFromIds([1], ids, tags).segments.flatMap((segment) => (segment.kind === 'block' ? [segment] : []))
      // An outline is a move and two tags.
      for (const { outlines } of blocks) for (const outline of outlines!) expect(outline.ids.length).toBe(5)
    }
    expect(lengths.filter((length) => length > maxTokens).length / lengths.length).toBeLessThan(0.02)
  })
})

function provider(name: string, label: string): EvalProvider {
  return yaml(name).providers.find((one) => typeof one === 'object' && one.label === label) as EvalProvider
}

describe('the files', () => {
  it('train what they evaluate, on the problems of the other forms', () => {
    const config = readTrainConfig(path.join(folder, 'train.outlines.yaml'))
    expect(config.model).toMatchObject({ outlines: true, checkpoint: path.join(folder, 'checkpoints/parallel-10') })
    expect(config.stages.map(({ kind, suite }) => [kind, path.basename(suite)])).toEqual([
      ['sft', 'cold-start.outlines.yaml'],
      ['grpo', 'rl.outlines.yaml'],
    ])
    expect(yaml('rl.outlines.yaml').tests).toEqual(yaml('rl.parallel-10.yaml').tests)
    const trained = parseThinkingConfig(provider('rl.outlines.yaml', 'outlines').config, 'rl')
    const { seed: _, ...asked } = parseThinkingConfig(provider('outlines.yaml', 'outlines').config, 'eval')
    expect(trained).toMatchObject(asked)
    const control = parseThinkingConfig(provider('rl.parallel-10.yaml', 'parallel').config, 'control')
    const compared = parseThinkingConfig(provider('outlines.yaml', 'without').config, 'eval')
    for (const key of ['maxTokens', 'answerReserve', 'temperature', 'paths', 'maxBlocks'] as const) expect(compared[key]).toBe(control[key])
    for (const key of ['maxTokens', 'answerReserve', 'temperature', 'paths'] as const) expect(trained[key]).toBe(control[key])
  })

  it('have a control that differs in nothing but outlines', () => {
    const file = path.join(folder, 'train.outlines.yaml')
    const sets = [
      'output=../../runs/countdown-without',
      'model.outlines=false',
      'stages.cold-start.suite=./cold-start.parallel-10.yaml',
      'stages.rl.suite=./rl.parallel-10.yaml',
      'stages.rl.provider=parallel',
    ]
    const control = readTrainConfig(file, { sets })
    const own = readTrainConfig(file)
    expect(control.model).toEqual({ ...own.model, outlines: undefined })
    expect(control.stages.map(({ suite: _, ...stage }) => ({ ...stage, provider: undefined }))).toEqual(
      own.stages.map(({ suite: _, ...stage }) => ({ ...stage, provider: undefined })),
    )
  })
})
