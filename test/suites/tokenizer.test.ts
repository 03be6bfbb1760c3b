import path from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { Tokenizer as CheckpointTokenizer } from '../../src/engine/checkpoint/tokenizer.ts'
import { layoutTrajectory } from '../../src/thinking/layout.ts'
import { tagIdsFrom } from '../../src/thinking/tags.ts'
import { trajectoryFromIds } from '../../src/thinking/trajectory.ts'
import {
  base,
  type CountdownTest,
  coldStartParallel,
  coldStartSequential,
  easyTrain,
  hardTrain,
  type ReadingTest,
  reading,
} from '../../suites/countdown/data.ts'
import { madeFiles } from '../../suites/countdown/make.ts'
import { coldStartStarts, STARTS } from '../../suites/countdown/path-starts.ts'
import { byteAlphabet, EOS, TAGS } from '../../suites/countdown/tokenizer/build.ts'
import { inProofs } from '../proofs.ts'
import { character } from '../unicode.ts'
import { type EvalProvider, folder, isReading, loaderConfig, promptOf, read, readmeRow, responsesOf, yaml } from './suite.ts'

const json = JSON.parse(read('tokenizer/tokenizer.json')) as {
  model: { vocab: Record<string, number>; merges: string[] }
  added_tokens: { id: number; content: string; special: boolean }[]
}
const tokenizer = new Tokenizer(json, JSON.parse(read('tokenizer/tokenizer_config.json')))
const encode = (text: string): number[] => tokenizer.encode(text, { add_special_tokens: false }).ids
const decode = (ids: number[]): string =>
  ids.length === 0 ? '' : tokenizer.decode(ids, { skip_special_tokens: false, clean_up_tokenization_spaces: false })
const pieces = (text: string) => encode(text).map((id) => decode([id]))

/** Of so many rows; the proofs count more. */
const some = (count: number): number => (inProofs ? count : Math.ceil(count / 4))

describe('made files', () => {
  it('are committed as make.ts writes them, byte for byte', () => {
    for (const [name, content] of madeFiles()) expect(read(name) === content, `${name}: run npx tsx suites/countdown/make.ts`).toBe(true)
  })
})

describe('tokenizer', () => {
  it('has bytes, merges and special tokens with ids without gaps, a multiple of 16', () => {
    const vocab = Object.values(json.model.vocab)
    // An object lists keys that are numbers first, whatever their ids.
    const ids = [...vocab, ...json.added_tokens.map(({ id }) => id)].sort((x, y) => x - y)
    expect(ids).toEqual(ids.map((_, i) => i))
    expect(vocab).toHaveLength(256 + json.model.merges.length)
    expect(ids.length % 16).toBe(0)
    expect(ids.length).toBeLessThanOrEqual(640)
    expect(new Set(byteAlphabet()).size).toBe(256)
  })

  it('gives each tag, the end and the line break one id', () => {
    for (const special of [...TAGS, EOS]) {
      expect(encode(special)).toHaveLength(1)
      expect(json.added_tokens.find(({ content }) => content === special)?.special).toBe(true)
      expect(decode(encode(special))).toBe(special)
    }
    expect(encode('\n')).toHaveLength(1)
    expect(pieces('</Parallel>\n<Summary>none</Summary>\n<Parallel>')).toEqual([
      '</Parallel>',
      '\n',
      '<Summary>',
      'none',
      '</Summary>',
      '\n',
      '<Parallel>',
    ])
  })

  it('comes back with any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 80 }), (text) => {
        expect(decode(encode(text))).toBe(text)
      }),
      { numRuns: 500 },
    )
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (text) => {
        expect(decode(encode(text))).toBe(text)
      }),
      { numRuns: 300 },
    )
  })

  it('comes back with mixtures of its own pieces', () => {
    const piece = fc.constantFrom(
      ...'11|5| + | - | = |, |\n| yes| no|none|Final |Answer|: | once |.|  |(|)|+| |\t|<Path>|</Path>|é|100'.split('|'),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (parts) => {
        expect(decode(encode(parts.join('')))).toBe(parts.join(''))
      }),
      { numRuns: 500 },
    )
  })

  it('takes one token for each number from 0 to 99, the same one wherever it stands', () => {
    for (let n = 0; n <= 99; n++) {
      const [id, ...more] = encode(String(n))
      expect(more).toEqual([])
      for (const text of [`Use ${n}, `, `${n} + `, ` = ${n}\n`, `<Path>${n} - `, `make ${n}.\n`, `(${n})`]) {
        expect(
          encode(text).filter((other) => other === id),
          text,
        ).toHaveLength(1)
      }
    }
  })

  it('takes one token for each number, symbol and word of prompts and trajectories', () => {
    expect(pieces('Use 11, 1, 5 once each with + - * / to make 17.\n')).toEqual(
      'Use |11|, |1|, |5| once |each |with |+ - * / |to |make |17|.\n'.split('|'),
    )
    expect(pieces('11 + 5 = 16, 16 - 1 = 15 no\nFinal Answer: none')).toEqual(
      '11| + |5| = |16|, |16| - |1| = |15| no|\n|Final |Answer|: |none'.split('|'),
    )
    // Only the space after the last number is a token of its own: in the question it belongs to the "/" before "to".
    expect(pieces('11, 1, 5 to make 17.\n')).toEqual('11|, |1|, |5| |to |make |17|.\n'.split('|'))
    expect(pieces('11 + 5 = 16 yes\n3, 40 no\n')).toEqual('11| + |5| = |16| yes|\n|3|, |40| no|\n'.split('|'))
    const known = new Set([
      ' ',
      '\n',
      '.\n',
      ...TAGS,
      ...'Use |, | once |each |with |+ - * / |to |make | + | - | * | / | = | yes| no|none|Final |Answer|: '.split('|'),
    ])
    const cold = [...coldStartSequential({ count: some(80) }), ...coldStartParallel({ count: some(80) })]
    const rows = [...base({ count: some(150), descents: 4 }), ...reading({ count: some(300) }), ...cold]
    const texts = [...rows.map(promptOf), ...responsesOf(rows).map((response) => response.text)]
    const unknown = texts.flatMap(pieces).filter((piece) => !known.has(piece) && !/^[1-9]?\d$/.test(piece))
    expect([...new Set(unknown)]).toEqual([])
  })
})

describe('in the project', () => {
  const own = CheckpointTokenizer.load(path.join(folder, 'tokenizer'))
  const { maxPositions } = parse(read('train.parallel.yaml')).model.init.architecture

  it('is read by the checkpoint tokenizer, which gives the same ids', () => {
    const rows = [...base({ count: some(50), descents: 2 }), ...reading({ count: some(50) }), ...coldStartParallel({ count: some(20) })]
    for (const text of [...rows.map(promptOf), ...responsesOf(rows).map((response) => response.text)]) {
      expect(own.encode(text)).toEqual(encode(text))
      expect(own.decode(encode(text))).toBe(text)
    }
    expect(own.vocabSize % 16).toBe(0)
  })

  it('makes trajectories for SFT of which every token is learned once, in positions that the model has, in either attention', () => {
    const eos = own.idOf(EOS)!
    const tags = tagIdsFrom(own, [eos])
    for (const { text, row } of responsesOf(coldStartParallel({ count: some(20) }))) {
      const response = [...own.encode(text), eos]
      const trajectory = trajectoryFromIds(own.encode(promptOf(row)), response, tags)
      expect(
        trajectory.segments
          .filter(({ kind }) => kind === 'block')
          .every((block) => 'paths' in block && block.paths.length === loaderConfig('cold-start.parallel-10.yaml').paths),
      ).toBe(true)
      const length = own.encode(promptOf(row)).length + response.length
      const [structured, causal] = (['structured', 'causal'] as const).map((attention) =>
        layoutTrajectory(trajectory, attention, { loss: 'response' }),
      )
      for (const { targets } of [structured, causal]) expect(targets.reduce((sum, target) => sum + target, 0)).toBe(response.length)
      // Paths overlap in position under structured attention; under causal they are read once more, one behind the other.
      expect(structured.ids).toHaveLength(length)
      expect(Math.max(...structured.positions)).toBeLessThan(0.7 * length)
      expect(causal.ids.length).toBeGreaterThan(1.3 * length)
      expect(Math.max(...causal.positions)).toBe(length - 1)
      expect(length).toBeLessThanOrEqual(maxPositions)
    }
  })

  it('makes trajectories of the reading stage in which only the response is learned, tags in the prompt or not', () => {
    const eos = own.idOf(EOS)!
    const rows = reading({ count: 40, rehearsal: 0 })
    expect(new Set(rows.map((row) => promptOf(row).includes('<Path>'))).size).toBe(2)
    for (const { text, row } of responsesOf(rows)) {
      const [prompt, response] = [own.encode(promptOf(row)), [...own.encode(text), eos]]
      const trajectory = trajectoryFromIds(prompt, response, tagIdsFrom(own, [eos]))
      for (const attention of ['structured', 'causal'] as const) {
        const { ids, targets } = layoutTrajectory(trajectory, attention, { loss: 'response' })
        expect([...ids]).toEqual([...prompt, ...response])
        // A target stands for the token after it.
        expect([...targets]).toEqual([...ids].map((_, i) => Number(i >= prompt.length - 1 && i < ids.length - 1)))
      }
      expect(prompt.length + response.length).toBeLessThanOrEqual(maxPositions)
    }
  })
})

describe('token counts', () => {
  const lengths = (texts: string[]) => texts.map((text) => encode(text).length)
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const responses = (rows: (CountdownTest | ReadingTest)[]) => lengths(responsesOf(rows).map(({ text }) => text))
  const solver = { ...loaderConfig('cold-start.parallel.yaml'), count: some(400) }

  it('are what the README says', () => {
    // Rows as long as this are rare: eight descents of four numbers, all of them saying yes.
    const descent = '11 + 5 = 16, 16 + 1 = 17, 17 + 2 = 19'
    const longestRead = lengths([
      `<Parallel>${`<Path>${descent} yes</Path>`.repeat(8)}</Parallel>\n`,
      Array(8).fill(`Final Answer: ${descent}`).join('\n'),
    ])
    const own = reading({ ...loaderConfig('reading.yaml'), count: some(1000) }).filter(isReading)
    const first = base({ ...loaderConfig('base.yaml'), count: some(300) })
    const measured: [string, number[], number?][] = [
      ['prompt', lengths([...hardTrain({ count: 50 }), ...easyTrain({ count: 50 })].map(promptOf))],
      ['base prompt', lengths(first.map(promptOf))],
      ['base response', responses(first)],
      ['reading prompt', lengths(own.map(promptOf)), longestRead[0]],
      ['reading response', responses(own), longestRead[1]],
      ['cold start, sequential', responses(coldStartSequential(solver))],
      ['cold start, parallel', responses(coldStartStarts(solver))],
    ]
    for (const [title, counts, most] of measured) {
      const [said, longest] = readmeRow(title).map(Number)
      // The README counts all rows.
      expect(Math.abs(mean(counts) - said) / said, title).toBeLessThan(inProofs ? 0.05 : 0.1)
      if (inProofs || most !== undefined) expect(most ?? Math.max(...counts), title).toBe(longest)
      expect(Math.max(...counts), title).toBeLessThanOrEqual(longest)
    }
    for (const row of base({ count: some(200), descents: 2 })) {
      const size = row.vars.numbers.split(' ').length
      for (const { text } of responsesOf([row])) {
        // Each descent with a line break or, a fact's, without; then "Final ", "Answer", ": ".
        const descents = text.split('\n').length - (size === 2 ? 0 : 1)
        const answer = text.endsWith('none') ? 4 : 3 + 6 * (size - 1) - 1
        expect(encode(text)).toHaveLength(size === 2 ? 6 : (6 * (size - 1) + 1) * descents + answer)
      }
    }
  })

  it.each([
    { title: 'hard, sixteen tries and the answer', pair: '', starts: STARTS, budget: 416 },
    { title: 'hard, ten tries and the answer', pair: '-10', starts: [], budget: 264 },
  ])('let all tries and an answer fit the budget of the configs in both forms: $title', ({ title, pair, starts, budget }) => {
    const { tries, paths } = loaderConfig(`cold-start.parallel${pair}.yaml`)
    const attempt = '11 + 5 = 16, 16 + 1 = 17, 17 + 2 = 19 no'
    const answer = `\nFinal Answer: ${attempt.replace(' no', '')}${EOS}`
    const forked = Array.from({ length: paths }, (_, k) => `<Path>${starts[k] ?? ''}${attempt}</Path>`).join('')
    const block = (summary: string) => `<Parallel>${forked}</Parallel>\n<Summary>${summary}</Summary>`
    const blocks = Array.from({ length: tries / paths }, (_, i) => block(i + 1 < tries / paths ? 'none' : attempt.split(', ')[0]))
    const [sequential, parallel] = lengths([Array(tries).fill(attempt).join('\n') + answer, blocks.join('\n') + answer])
    expect(readmeRow(title)[0]).toBe(`${sequential} sequential, ${parallel} parallel`)
    expect(Math.max(sequential, parallel)).toBeLessThanOrEqual(budget)
    const most = [...Array(40).keys()].findLast((count) => lengths([Array(count).fill(attempt).join('\n') + answer])[0] <= budget)!
    expect(read('README.md')).toContain(`${budget} tokens, paths and tags counted: ${most} sequential tries or ${tries} parallel ones`)
    // What is kept for the answer when the budget runs out is enough for one of three moves.
    const evaluation = pair ? 'ten-tries.yaml' : 'promptfooconfig.yaml'
    for (const { config } of [`rl.parallel${pair}.yaml`, evaluation].flatMap((name) => yaml(name).providers as EvalProvider[])) {
      if (config.mode === 'parallel') expect(config.answerReserve).toBeGreaterThanOrEqual(encode(answer).length)
    }
  })
})
