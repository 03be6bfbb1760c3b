import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lengthBudget, parallelStructure, parallelUsed, pathAgreement, pathDiversity, repetition } from '../../src/assertions/index.ts'
import { countWords, distinctNgrams, words } from '../../src/assertions/ngrams.ts'
import { ConfigError } from '../../src/engine/errors.ts'

const block = (paths: string[], summary = 'so s'): string =>
  `<Parallel>${paths.map((path) => `<Path>${path}</Path>`).join('')}</Parallel>\n<Summary>${summary}</Summary>`

describe('pathAgreement', () => {
  const output = `Try.\n\n${block(['so x = 42', 'we get \\frac{84}{2}', 'thus it is 41'], 'most say 42')}\n\nFinal Answer: 42`

  it('is the share of paths that come to the final answer', () => {
    const result = pathAgreement(output, {})
    expect(result).toMatchObject({ pass: true, score: 2 / 3, metadata: { paths: 3, agreeing: 2, final: '42', rescue: null } })
    expect(result.namedScores).toBeUndefined()
    expect(pathAgreement(output, { config: { min: 0.9 } }).pass).toBe(false)
  })

  it('tells a rescue: the summary is right where most paths are wrong', () => {
    const vars = { answer: '41' }
    const rescue = `${block(['it is 42', 'it is 43', 'it is 41'], 'checking, it is 41')}\n\nFinal Answer: 41`
    expect(pathAgreement(rescue, { vars })).toMatchObject({ score: 1 / 3, namedScores: { rescue: 1 } })
    expect(pathAgreement(rescue, { vars: { answer: '42' } })).toMatchObject({ namedScores: { rescue: 0 } })
    const half = `${block(['it is 42', 'it is 41'], 'it is 41')}\n\nFinal Answer: 41`
    expect(pathAgreement(half, { vars })).toMatchObject({ score: 0.5, namedScores: { rescue: 0 } })
    expect(() => pathAgreement(rescue, { vars: { answer: '' } })).toThrow(ConfigError)
  })

  it('reads all blocks or the last, and is 0 without paths or answer', () => {
    const two = `${block(['it is 1', 'it is 2'])}\n${block(['it is 7', 'it is 7.0'])}\n\nFinal Answer: 7`
    expect(pathAgreement(two, {}).score).toBe(0.5)
    expect(pathAgreement(two, { config: { blocks: 'last' } }).score).toBe(1)
    expect(pathAgreement('Final Answer: 7', {})).toMatchObject({ pass: true, score: 0, metadata: { paths: 0 } })
    expect(pathAgreement(block(['it is 7', 'it is 8']), {})).toMatchObject({ score: 0, metadata: { final: null } })
    expect(() => pathAgreement(two, { config: { blocks: 'first' } })).toThrow(ConfigError)
  })

  it('reads the last of very many paths, and says that there are more', () => {
    const many = `${block(['it is 7', 'it is 8']).repeat(2000)}\n\nFinal Answer: 7`
    const result = pathAgreement(many, { vars: { answer: '7' } })
    expect(result.score).toBe(0.5)
    expect(result.metadata.paths).toBeLessThan(200)
    expect(result.reason).toContain(`${4000 - Number(result.metadata.paths)} more paths were not read`)
    const long = `${block(Array.from({ length: 16 }, (_, i) => `${'so '.repeat(2000)} it is ${i}`)).repeat(3)}\n\nFinal Answer: 7`
    expect(pathAgreement(long, {})).toMatchObject({ score: 1 / 16, metadata: { paths: 16 } })
  })

  it('compares within one allowance for all paths', () => {
    const hard = (i: number): string => `it is $\\int_0^1 \\sin(x^2+${i})\\cos(x) dx$`
    const output = `${block(Array.from({ length: 16 }, (_, i) => hard(i)))}\n\nFinal Answer: ${hard(3).slice(6)}`
    const result = pathAgreement(output, {})
    expect(result.reason).toContain('too complex to compare all')
    expect(result.metadata.agreeing).toBe(1)
  })

  it('reads the tree of the provider where tags are hidden', () => {
    const tree = { blocks: [{ paths: [{ text: 'it is 7' }, { text: 'it is 8' }], summary: { text: 'so 7' } }] }
    expect(pathAgreement('Final Answer: 7', { metadata: { tree } }).score).toBe(0.5)
  })
})

describe('lengthBudget', () => {
  const score = (totalTokens: number, config: Record<string, unknown> = { maxTokens: 100, cacheTokens: 20 }) =>
    lengthBudget('', { metadata: { totalTokens, criticalPathTokens: totalTokens / 2 }, config }).score

  it('is DAPO equation 13 at its corners and between', () => {
    expect([0, 80, 85, 90, 99, 100, 101, 1e6].map((tokens) => score(tokens))).toEqual([0, 0, -0.25, -0.5, -0.95, -1, -1, -1])
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 5000 }), fc.nat(20_000), (a, b, tokens) => {
        const maxTokens = Math.max(a, b)
        const cacheTokens = Math.min(a, b)
        const free = maxTokens - cacheTokens
        const formula = tokens <= free ? 0 : tokens <= maxTokens ? (free - tokens) / cacheTokens : -1
        expect(score(tokens, { maxTokens, cacheTokens })).toBe(formula)
      }),
    )
  })

  it('counts the critical path, or what any provider reports', () => {
    expect(score(180, { maxTokens: 100, cacheTokens: 20, count: 'critical' })).toBe(-0.5)
    const config = { maxTokens: 100, cacheTokens: 20 }
    expect(lengthBudget('', { config, providerResponse: { tokenUsage: { completion: 90 } } })).toMatchObject({ pass: true, score: -0.5 })
    expect(lengthBudget('', { config: { ...config, min: -0.2 }, metadata: { totalTokens: 90 } }).pass).toBe(false)
  })

  it('needs bounds and a count', () => {
    for (const config of [{}, { maxTokens: 10 }, { maxTokens: 10, cacheTokens: 20 }, { maxTokens: 0, cacheTokens: 0 }]) {
      expect(() => lengthBudget('', { config, metadata: { totalTokens: 5 } })).toThrow(ConfigError)
    }
    expect(() => lengthBudget('x', { config: { maxTokens: 10, cacheTokens: 5 } })).toThrow('tokenUsage.completion')
  })
})

describe('repetition', () => {
  it('is the share of n-grams that have occurred before', () => {
    expect(repetition('a b c d e f', {}).score).toBe(0)
    expect(repetition('a b c', {}).score).toBe(0)
    expect(repetition('', {}).score).toBe(0)
    // abcd bcda cdab dabc abcd: 4 of 5 are new.
    expect(repetition('a b c d a b c d', {})).toMatchObject({ score: 1 / 5, metadata: { repeated: 1, total: 5 } })
    expect(repetition('a a a a', { config: { n: 1 } }).score).toBe(3 / 4)
    expect(repetition('wait '.repeat(1000), {}).score).toBeCloseTo(1 - 1 / 997, 12)
  })

  it('does not count tags, and takes bounds', () => {
    expect(repetition('<Path>a b c d</Path><Path>e f g h</Path>', {}).metadata.total).toBe(5)
    expect(repetition('a a a a a', { config: { max: 0.3 } })).toMatchObject({ pass: false, score: 0.5 })
    expect(() => repetition('a', { config: { n: 0 } })).toThrow(ConfigError)
  })
})

describe('parallelUsed', () => {
  it('counts malformed blocks too where asked, as the rewards of the reference do', () => {
    const broken = '<Parallel><Path>a</Path></Parallel>'
    expect(parallelUsed(broken, {}).score).toBe(0)
    expect(parallelUsed(broken, { config: { valid: false } }).score).toBe(1)
    expect(parallelUsed('plain', { config: { valid: false } }).score).toBe(0)
  })

  it('asks a sequential provider for no block, and counts none', () => {
    const of = (mode: string) => ({ providerResponse: { metadata: { mode } } })
    expect(parallelUsed('plain', of('sequential'))).toMatchObject({ pass: true, score: 0, reason: expect.stringContaining('needs none') })
    expect(parallelUsed('plain', of('parallel'))).toMatchObject({ pass: false, score: 0 })
    expect(parallelUsed(block(['a', 'b']), of('sequential'))).toMatchObject({ pass: true, score: 1 })
  })
})

/**
 * The reference checker as parallel-thinking.md §5 tells it, by brute force over the tags: `<Parallel>` and `<Path>` nest
 * like brackets; a block that closes has two closed paths directly of its own; after it a `<Summary>` must come before the
 * next block opens, before another closes and before the end. `</Summary>` and all text never matter.
 */
function accepted(text: string): boolean {
  const tags = (text.match(/<\/?(?:Parallel|Path|Summary)>/g) ?? []).filter((tag) => tag !== '</Summary>')
  const open: { tag: string; paths: number }[] = []
  let owed = false
  for (const tag of tags) {
    if (tag === '<Summary>') {
      if (!owed) return false
      owed = false
    } else if (tag === '<Parallel>' || tag === '<Path>') {
      if (tag === '<Parallel>' && owed) return false
      open.push({ tag, paths: 0 })
    } else {
      const top = open.pop()
      if (top?.tag !== tag.replace('/', '')) return false
      if (tag === '</Path>') {
        const block = open.findLast((one) => one.tag === '<Parallel>')
        if (block) block.paths++
      } else {
        if (top.paths < 2 || owed) return false
        owed = true
      }
    }
  }
  return open.length === 0 && !owed
}

describe('parallelStructure, compatible', () => {
  const whole = fc.constantFrom(
    '<Parallel><Path>a</Path><Path>b</Path></Parallel>\n<Summary>s</Summary>',
    '<Parallel><Path>a</Path><Path>a</Path></Parallel><Summary>',
    '<Path>a</Path>',
    '<Path><Path>a</Path></Path>',
  )
  const piece = fc.oneof(
    { weight: 1, arbitrary: whole },
    {
      weight: 3,
      arbitrary: fc.constantFrom('<Parallel>', '</Parallel>', '<Path>', '</Path>', '<Summary>', '</Summary>', 'text', '\n', ''),
    },
  )

  it('accepts and rejects as the reference does', () => {
    let accepts = 0
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 9 }), (pieces) => {
        const text = pieces.join('')
        const { pass } = parallelStructure(text, { config: { compatible: true } })
        if (pass) accepts++
        expect(pass).toBe(accepted(text))
      }),
      { numRuns: 5000, seed: 3 },
    )
    expect(accepts).toBeGreaterThan(100)
  })

  it.each<[string, boolean]>([
    ['', true],
    ['plain', true],
    ['<Parallel><Path>a</Path><Path>b</Path></Parallel>text<Summary>s', true],
    ['<Parallel><Path>a</Path>text<Path>a</Path></Parallel>\n<Summary>s</Summary></Summary>', true],
    ['<Parallel><Path></Path><Path></Path></Parallel><Path>x</Path><Summary>', true],
    ['<Parallel><Path>a</Path></Parallel>\n<Summary>s</Summary>', false],
    ['<Parallel><Path>a</Path><Path>b</Path><Summary>s</Summary></Parallel>', false],
    ['<Parallel><Path>a</Path><Path>b</Path></Parallel><Parallel><Path>a</Path><Path>b</Path></Parallel><Summary>', false],
    ['<Parallel><Path>a', false],
  ])('of %j is %s', (text, pass) => {
    expect(accepted(text)).toBe(pass)
    expect(parallelStructure(text, { config: { compatible: true } }).pass).toBe(pass)
  })
})

describe('n-grams by number', () => {
  const token = fc.integer({ min: 0, max: 3 })

  it('are as many as by their text, for every n', () => {
    fc.assert(
      fc.property(fc.array(token, { maxLength: 60 }), fc.integer({ min: 1, max: 20 }), (tokens, n) => {
        const texts = new Set(Array.from({ length: Math.max(0, tokens.length - n + 1) }, (_, i) => tokens.slice(i, i + n).join(' ')))
        expect(distinctNgrams(Int32Array.from(tokens), n)).toBe(texts.size)
      }),
    )
  })

  it('words are counted where they stand', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', 'é', ' ', '\n', '\u00a0', '\u3000', '\ufeff', '\u200b', '\u180e') }), (text) => {
        expect(countWords(`x${text}y`, 1, text.length + 1)).toBe(words(text).length)
      }),
    )
  })

  it('say where only a part was compared', () => {
    const long = block(['a b c d '.repeat(20_000), 'a b c d '.repeat(20_000)])
    expect(pathDiversity(long, {}).reason).toContain('first 131072 characters were compared')
    expect(pathDiversity(long, {}).score).toBeCloseTo(0, 12)
    // Blocks cost something however small they are.
    const many = block(['a b', 'c d']).repeat(5000)
    expect(pathDiversity(many, {}).reason).toMatch(/over 50\d ordered pairs .*were compared$/)
    expect(repetition('a b c d '.repeat(40_000), {}).reason).toContain('of the last 262144 characters')
    expect(pathDiversity(block(['a b', 'c d']), {}).reason).not.toContain('compared')
  })
})
