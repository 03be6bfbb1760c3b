import { describe, expect, it } from 'vitest'
import {
  mathAnswer,
  parallelEfficiency,
  parallelStructure,
  parallelUsed,
  pathAgreement,
  pathDiversity,
} from '../../src/assertions/index.ts'
import { ConfigError } from '../../src/engine/errors.ts'
import { withoutLayout } from '../../src/thinking/writing.ts'
import { cpuTime } from './cpu-time.ts'

const block = (paths: string[], summary = 'so s'): string =>
  `<Parallel>${paths.map((path) => `<Path>${path}</Path>`).join('')}</Parallel>\n<Summary>${summary}</Summary>`
const GOOD = `Let me think.\n\n${block(['11 + 1 = 12', '5 * 11 = 55'])}\n\nFinal Answer: 12`
const tree = (...blocks: { paths: string[]; summary: string }[]) => ({
  tree: {
    blocks: blocks.map(({ paths, summary }) => ({
      paths: paths.map((text) => ({ text, tokens: 3 })),
      summary: { text: summary, tokens: 2 },
    })),
  },
})

describe('parallelStructure', () => {
  it.each([
    [GOOD, 'one block'],
    ['plain text', 'no block'],
    ['', 'nothing'],
    [`${block(['a', 'b', 'c'])} and ${block(['d', 'e'])}`, 'two blocks'],
  ])('accepts %j (%s)', (output) => {
    expect(parallelStructure(output, {})).toMatchObject({ pass: true, score: 1 })
  })

  it.each<[string, string, number]>([
    ['<Parallel><Path>a</Path></Parallel>\n<Summary>s</Summary>', 'too-few-paths', 0],
    [block(['a', 'a']), 'identical-paths', 24],
    [block(['a', ' ']), 'empty-path', 24],
    [block(['a', 'b'], ''), 'empty-summary', 50],
    ['<Parallel><Path>a</Path><Path>b</Path></Parallel>', 'missing-summary', 49],
    ['<Parallel><Path>a</Path><Path>b</Path></Parallel> so <Summary>s</Summary>', 'summary-separator', 49],
    ['x</Path>', 'stray-close', 1],
    ['<Path>x</Path>', 'path-outside-block', 0],
    [`${block(['a', 'b'])}<Parallel><Path>c`, 'unclosed-path', 83],
  ])('lists in %j the violation %s at %i', (output, rule, offset) => {
    const result = parallelStructure(output, {})
    expect(result).toMatchObject({ pass: false, score: 0 })
    expect(result.metadata.violations).toContainEqual({ rule, offset })
    expect(result.reason).toContain(`${rule} at offset ${offset}`)
  })

  it('does not count as said what the provider wrote at the beginning of a path', () => {
    const started = (paths: string[]) => block(paths.map((path, k) => `${'AB'[k]}: ${path}`))
    const providerResponse = { metadata: { pathStarts: ['A: ', 'B: '] } }
    expect(parallelStructure(started(['x', 'y']), { providerResponse }).pass).toBe(true)
    expect(parallelStructure(started(['x', 'x']), { providerResponse }).reason).toContain('identical-paths')
    expect(parallelStructure(started(['x', ' ']), { providerResponse }).reason).toContain('empty-path')
    expect(parallelStructure(started(['x', 'x']), {}).pass).toBe(true)
    const said = (paths: string[], tree?: object) => ({
      providerResponse: { metadata: { ...providerResponse.metadata, ...tree } },
      output: started(paths),
    })
    const { output, ...context } = said(['the same words', 'the same words'])
    expect(pathDiversity(output, context).score).toBe(pathDiversity(block(['the same words', 'the same words']), {}).score)
    // Tags are hidden, so the blocks are those of the metadata.
    const tree = { blocks: [{ paths: [{ text: 'A: x' }, { text: 'B: x' }], summary: { text: 's' } }] }
    expect(parallelUsed('x\nx\ns', { providerResponse: { metadata: { ...providerResponse.metadata, tree } } }).score).toBe(0)
    expect(parallelUsed('x\nx\ns', { providerResponse: { metadata: { tree } } }).score).toBe(1)
    for (const wrong of [7, [1], 'A: ']) {
      expect(parallelStructure(started(['x', 'x']), { providerResponse: { metadata: { pathStarts: wrong } } }).pass).toBe(true)
    }
  })

  it('knows outlines: as many as paths, each saying something of its own, and needed only where they are asked for', () => {
    const planned = (outlines: string[], paths = ['a', 'b']) =>
      block(paths).replace('<Path>', `${outlines.map((outline) => `<Outline>${outline}</Outline>`).join('\n')}\n<Path>`)
    const rules = (output: string, config = {}) =>
      (parallelStructure(output, { config }).metadata.violations as { rule: string }[]).map(({ rule }) => rule)
    expect(parallelStructure(planned(['x', 'y']), { config: { outlines: true } })).toMatchObject({ pass: true, score: 1 })
    expect(rules(planned(['x', 'y']))).toEqual([])
    expect(rules(GOOD, { outlines: true })).toEqual(['missing-outlines'])
    expect(rules(planned(['x']))).toEqual(['outline-count'])
    expect(rules(planned(['x', 'x']))).toEqual(['identical-outlines'])
    expect(rules(planned(['x', ' ']))).toEqual(['empty-outline'])
    expect(rules(planned(['x', 'x']), { distinctPaths: false })).toEqual([])
    expect(rules(planned(['x', ' ']), { nonEmpty: false })).toEqual([])
    expect(parallelStructure(planned(['x']), { config: { compatible: true } }).pass).toBe(true)
    expect(parallelUsed(planned(['x', 'y']), {}).score).toBe(1)
    expect(parallelUsed(planned(['x']), {}).score).toBe(0)
    // Plans are not what is compared.
    for (const grade of [pathDiversity, pathAgreement])
      expect(grade(planned(['x', 'y']), {}).score).toBe(grade(block(['a', 'b']), {}).score)
    // Of 7 words 6 are on the longest chain: the plans, a path and the summary.
    expect(parallelEfficiency(planned(['x', 'y z']), {}).metadata).toEqual({ total: 7, critical: 6, unit: 'words' })
  })

  describe('of a block that a path has settled', () => {
    const of = (...paths: [string, ended?: 'sibling'][]) => ({
      output: block(paths.map(([text]) => text)),
      context: {
        providerResponse: {
          metadata: {
            tree: {
              blocks: [
                { paths: paths.map(([text, ended]) => ({ text, tokens: 3, ...(ended && { ended }) })), summary: { text: 's', tokens: 3 } },
              ],
            },
          },
        },
      },
    })

    it.each([
      ['two ended alike', of(['8 - 1', 'sibling'], ['8 - 1', 'sibling'], ['8 - 1 = 7 yes'])],
      ['one ended before it said what another says', of(['8', 'sibling'], ['8'])],
      ['the other way round', of(['8'], ['8', 'sibling'])],
      ['one ended before it said anything', of([' ', 'sibling'], ['8 yes'])],
    ])('accepts %s', (_, { output, context }) => {
      expect(parallelStructure(output, context)).toMatchObject({ pass: true, score: 1 })
      expect(parallelUsed(output, context)).toMatchObject({ pass: true, metadata: { blocks: 1, validBlocks: 1 } })
      expect(parallelUsed('the tags are hidden', context)).toMatchObject({ pass: true, metadata: { blocks: 1, validBlocks: 1 } })
      expect(parallelStructure(output, {})).toMatchObject({ pass: false })
    })

    it.each<[string, ReturnType<typeof of>, string, number]>([
      ['two that were not ended', of(['8', 'sibling'], ['8'], ['8']), 'identical-paths', 1],
      ['an empty one that was not', of(['8', 'sibling'], [' '], ['9']), 'empty-path', 1],
    ])('still refuses %s', (_, { output, context }, rule, count) => {
      const { metadata } = parallelStructure(output, context)
      expect((metadata.violations as { rule: string }[]).map((one) => one.rule)).toEqual(Array(count).fill(rule))
    })

    it('excuses nothing where the blocks of metadata are others than those of the text', () => {
      const { context } = of(['8', 'sibling'], ['8', 'sibling'])
      const twice = `${block(['8', '8'])}${block(['9', '9'])}`
      expect(parallelStructure(twice, context).metadata.violations).toHaveLength(2)
    })
  })

  it('lists every violation', () => {
    const result = parallelStructure('</Path><Parallel><Path>a</Path></Parallel>', {})
    expect(result.reason).toMatch(/^3 violations:\nstray-close.*\ntoo-few-paths.*\nmissing-summary/)
  })

  it('bounds paths and blocks', () => {
    expect(parallelStructure('plain', { config: { minBlocks: 1 } })).toMatchObject({ pass: false, score: 0 })
    expect(parallelStructure('plain', { config: { minBlocks: 1 } }).reason).toContain('too-few-blocks')
    const two = `${block(['a', 'b'])}${block(['c', 'd'])}`
    expect(parallelStructure(two, { config: { maxBlocks: 1 } }).reason).toContain(`too-many-blocks at offset ${two.length / 2}`)
    expect(parallelStructure(two, { config: { maxBlocks: 2, minBlocks: 2 } }).pass).toBe(true)
    expect(parallelStructure(block(['a', 'b', 'c']), { config: { maxPaths: 2 } }).reason).toContain('too-many-paths')
    expect(parallelStructure(block(['a', 'b']), { config: { minPaths: 3 } }).reason).toContain('too-few-paths')
    expect(parallelStructure(block(['a']), { config: { minPaths: 1 } }).pass).toBe(true)
  })

  it('switches rules off', () => {
    expect(parallelStructure(block(['a', 'a']), { config: { distinctPaths: false } }).pass).toBe(true)
    expect(parallelStructure(block(['a', ''], ''), { config: { nonEmpty: false } }).pass).toBe(true)
    const bare = '<Parallel><Path>a</Path><Path>b</Path></Parallel>'
    expect(parallelStructure(bare, { config: { requireSummary: false } }).pass).toBe(true)
  })

  it('grades by the share of what is right', () => {
    const config = { graded: true }
    expect(parallelStructure(GOOD, { config }).score).toBe(1)
    expect(parallelStructure(`${GOOD}</Path>`, { config })).toMatchObject({ pass: false, score: 0.5 })
    expect(parallelStructure('</Path>', { config }).score).toBe(0)
  })

  it('reports wrong configuration apart from wrong structure', () => {
    for (const config of [{ minPath: 2 }, { minPaths: 0 }, { minPaths: 5, maxPaths: 3 }, { minBlocks: 'x' }, { graded: 1 }]) {
      expect(() => parallelStructure(GOOD, { config })).toThrow(ConfigError)
    }
    expect(() => parallelStructure(GOOD, { config: { minPath: 2 } })).toThrow('"minPaths"')
    const hidden = () => parallelStructure('no tags shown', { metadata: tree({ paths: ['a', 'b'], summary: 's' }) })
    expect(hidden).toThrow(ConfigError)
    expect(hidden).toThrow('showTags')
  })
})

/** As teachers and the published traces write it. */
const PAPER =
  'Let C.\n\n<Parallel>\n<Path>\na b c d e\n</Path>\n\n<Path>\nf g h i 4\n</Path>\n</Parallel>\n\n<Summary>\ns t\n</Summary>\n\nFinal Answer: 4'

describe('tags on lines of their own', () => {
  it('are as good as tags in one line, for every assertion that reads blocks', () => {
    const plain = withoutLayout(PAPER)
    expect(parallelStructure(PAPER, {})).toEqual(parallelStructure(plain, {}))
    expect(parallelStructure(PAPER, {})).toMatchObject({ pass: true, metadata: { blocks: 1, validBlocks: 1 } })
    expect(parallelUsed(PAPER, {})).toEqual(parallelUsed(plain, {}))
    expect(parallelUsed(PAPER, {}).score).toBe(1)
    expect(pathDiversity(PAPER, {})).toEqual(pathDiversity(plain, {}))
    expect(pathDiversity(PAPER, {}).score).toBe(1)
    expect(parallelEfficiency(PAPER, {})).toEqual(parallelEfficiency(plain, {}))
    expect(pathAgreement(PAPER, { vars: { answer: '4' } })).toEqual(pathAgreement(plain, { vars: { answer: '4' } }))
    expect(pathAgreement(PAPER, {}).metadata).toMatchObject({ paths: 2, agreeing: 1, final: '4' })
  })

  it('are refused where the layout is strict', () => {
    const strict = parallelStructure(PAPER, { config: { strictLayout: true } })
    expect(strict).toMatchObject({ pass: false, score: 0 })
    expect(strict.metadata.violations).toContainEqual({ rule: 'text-in-block', offset: 18 })
    expect(parallelStructure(withoutLayout(PAPER), { config: { strictLayout: true } }).pass).toBe(true)
  })

  it.each<[string, unknown]>([
    ['a message', { role: 'assistant', content: PAPER }],
    [
      'a conversation',
      [
        { role: 'user', content: 'How many?' },
        { role: 'assistant', content: PAPER },
      ],
    ],
    [
      'a conversation as JSON',
      JSON.stringify([
        { role: 'user', content: 'How many?' },
        { role: 'assistant', content: PAPER },
      ]),
    ],
    ['a chat completion', { id: 'x', choices: [{ index: 0, message: { role: 'assistant', content: PAPER } }] }],
    ['a completion', { object: 'text_completion', choices: [{ index: 0, text: PAPER }] }],
    ['the answer of Ollama, generate', { model: 'm', response: PAPER, done: true }],
    ['the answer of Ollama, chat', { model: 'm', message: { role: 'assistant', content: PAPER }, done: true }],
    [
      'content parts',
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: '<Path>' },
          ...[PAPER.slice(0, 30), PAPER.slice(30)].map((text) => ({ type: 'text', text })),
        ],
      },
    ],
    [
      'a response with items',
      {
        output: [
          { type: 'reasoning', summary: [] },
          { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: PAPER }] },
        ],
      },
    ],
  ])('are read in %s', (_name, output) => {
    expect(parallelStructure(output, {})).toEqual(parallelStructure(PAPER, {}))
    expect(mathAnswer(output, { vars: { answer: '4' } }).pass).toBe(true)
  })

  it('are text like any other in JSON that is no chat', () => {
    const json = JSON.stringify({ steps: PAPER })
    expect(parallelStructure(json, {}).pass).toBe(false)
    expect(parallelStructure('[{"role": "assistant", "content"', {}).metadata.blocks).toBe(0)
  })
})

describe('parallelUsed', () => {
  it.each<[string, boolean, number]>([
    [GOOD, true, 1],
    ['plain', false, 0],
    [block(['a', 'a']), false, 0],
    [`</Path>${block(['a', 'b'])}</Summary>`, true, 1],
    [`<Parallel><Path>a</Path><Path>b</Path></Parallel>${block(['c', 'd'])}`, true, 1],
    [`<Parallel><Path>a</Path><Path>b</Path></Parallel>\n<Summary>s${block(['c', 'd'])}`, true, 1],
    ['<Parallel><Path>a</Path><Path>b</Path></Parallel>', false, 0],
    ['<Parallel><Path>a</Path><Path>b</Path></Parallel></Path>\n<Summary>s</Summary>', false, 0],
  ])('of %j is %s', (output, pass, validBlocks) => {
    expect(parallelUsed(output, {})).toMatchObject({ pass, score: pass ? 1 : 0, metadata: { validBlocks } })
  })

  it('asks for more blocks or paths', () => {
    expect(parallelUsed(GOOD, { config: { minBlocks: 2 } }).pass).toBe(false)
    expect(parallelUsed(GOOD, { config: { minPaths: 3 } }).pass).toBe(false)
    expect(parallelUsed(block(['a']), { config: { minPaths: 1 } }).pass).toBe(true)
    expect(() => parallelUsed(GOOD, { config: { minBlock: 2 } })).toThrow(ConfigError)
  })

  it('reads the tree of the provider where tags are hidden', () => {
    expect(parallelUsed('12', { metadata: tree({ paths: ['a', 'b'], summary: 's' }) }).pass).toBe(true)
    expect(parallelUsed('12', { metadata: tree({ paths: ['a', 'a'], summary: 's' }) }).pass).toBe(false)
    expect(parallelUsed('12', { metadata: tree({ paths: ['a'], summary: 's' }) }).pass).toBe(false)
    expect(parallelUsed('12', { metadata: { tree: 'broken' } }).pass).toBe(false)
    expect(parallelUsed('12', { metadata: { tree: { blocks: [null, 1] } } }).pass).toBe(false)
  })
})

describe('pathDiversity', () => {
  it('is 0 without two paths, 0 for equal and 1 for disjoint ones', () => {
    expect(pathDiversity('plain', {})).toMatchObject({ pass: true, score: 0, metadata: { bleu: 1, pairs: 0 } })
    expect(pathDiversity(block(['a b c']), {}).score).toBe(0)
    expect(pathDiversity(block(['a b c d e', 'a b c d e']), {}).score).toBeCloseTo(0, 12)
    expect(pathDiversity(block(['a b c', 'd e f']), {})).toMatchObject({ score: 1, metadata: { bleu: 0, pairs: 2 } })
  })

  it('averages sentence-BLEU over all sibling pairs, not across blocks', () => {
    // sacrebleu 2.6.0: 21.834177214239062 and, the other way round, by symmetry of lengths the same counts.
    const paths = ['11 + 1 = 12; 5 + 12 = 17', '11 + 5 = 16; 16 + 1 = 17']
    const one = pathDiversity(block(paths), {})
    expect(one.score).toBeCloseTo(1 - 0.21834177214239062, 6)
    const two = pathDiversity(block(paths) + block(['x y z', 'u v w']), {})
    expect(two.metadata.pairs).toBe(4)
    expect(two.score).toBeCloseTo((one.score + 1) / 2, 12)
  })

  it('passes within its bounds', () => {
    const output = block(['a b c', 'd e f'])
    expect(pathDiversity(output, { config: { min: 0.2 } })).toMatchObject({ pass: true, score: 1 })
    expect(pathDiversity(output, { config: { max: 0.5 } })).toMatchObject({ pass: false, score: 1 })
    expect(pathDiversity('plain', { config: { min: 0.2 } })).toMatchObject({ pass: false, score: 0 })
    expect(() => pathDiversity('plain', { config: { minimum: 0.2 } })).toThrow(ConfigError)
    expect(() => pathDiversity('plain', { config: { min: 1, max: 0 } })).toThrow(ConfigError)
  })

  it('reads the tree of the provider where tags are hidden', () => {
    expect(pathDiversity('12', { metadata: tree({ paths: ['a b', 'c d'], summary: 's' }) }).score).toBe(1)
  })
})

describe('parallelEfficiency', () => {
  it('uses the token counts of the provider', () => {
    const metadata = { totalTokens: 200, criticalPathTokens: 150 }
    expect(parallelEfficiency(GOOD, { metadata })).toMatchObject({ pass: true, score: 0.25, metadata: { unit: 'tokens' } })
    expect(parallelEfficiency(GOOD, { providerResponse: { metadata } })).toMatchObject({ score: 0.25 })
    expect(parallelEfficiency(GOOD, { metadata: { totalTokens: 0, criticalPathTokens: 0 } }).score).toBe(0)
  })

  it('falls back to words where the counts are absent or impossible', () => {
    // Words: 3 + (2 + 4) + 2 + 1 = 12, critical 3 + 4 + 2 + 1 = 10.
    const output = `one two three ${block(['a b', 'c d e f'], 's t')} end`
    for (const metadata of [undefined, { totalTokens: 1, criticalPathTokens: 2 }, { totalTokens: 'x', criticalPathTokens: 1 }]) {
      expect(parallelEfficiency(output, { metadata })).toMatchObject({
        score: 2 / 12,
        metadata: { total: 12, critical: 10, unit: 'words' },
      })
    }
    expect(parallelEfficiency('plain text', {}).score).toBe(0)
    expect(parallelEfficiency('', {}).score).toBe(0)
  })

  it('passes within its bounds', () => {
    const metadata = { totalTokens: 200, criticalPathTokens: 150 }
    expect(parallelEfficiency('', { metadata, config: { min: 0.3 } })).toMatchObject({ pass: false, score: 0.25 })
    expect(parallelEfficiency('', { metadata, config: { min: 0.2 } }).pass).toBe(true)
    expect(() => parallelEfficiency('', { metadata, config: { mni: 0.2 } })).toThrow('"min"')
  })
})

describe('all of them', () => {
  it('stay bounded on hostile outputs', () => {
    const hostile = ['<Parallel>', '</Path>', '<Path>', '<Parallel><Path>', block(['a', 'b']), 'a '].map((unit) =>
      unit.repeat(Math.ceil(300_000 / unit.length)),
    )
    for (const output of hostile) {
      for (const assertion of [parallelStructure, parallelUsed, pathDiversity, parallelEfficiency]) {
        const start = cpuTime()
        assertion(output, {})
        expect(cpuTime() - start).toBeLessThan(2000)
      }
    }
  })
})
