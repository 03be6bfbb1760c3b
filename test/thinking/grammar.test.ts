import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type GrammarOptions,
  inWords,
  OUTLINE_TAGS,
  parseThinking,
  parseThinkingIds,
  RULES,
  type Rule,
  TAGS,
} from '../../src/thinking/grammar.ts'
import { MAX_TAGS } from '../../src/thinking/source.ts'

const rules = (text: string, options?: GrammarOptions): string[] =>
  parseThinking(text, options).violations.map(({ rule, offset }) => `${rule}@${offset}`)

/** Short forms keep the offsets readable: P O A S open, p o a s close. */
const LETTERS: Record<string, string> = {
  P: TAGS.parallel,
  p: TAGS.parallelEnd,
  A: TAGS.path,
  a: TAGS.pathEnd,
  S: TAGS.summary,
  s: TAGS.summaryEnd,
  O: OUTLINE_TAGS.outline,
  o: OUTLINE_TAGS.outlineEnd,
}
const long = (short: string): string => short.replace(/[PpAaSsOo]/g, (letter) => LETTERS[letter])
const SIX = { parallel: 2, parallelEnd: 3, path: 4, pathEnd: 5, summary: 6, summaryEnd: 7, newline: [8], eos: [1] }
const IDS = { ...SIX, outline: 9, outlineEnd: 10 }
const ID_OF: Record<string, number> = { P: 2, p: 3, A: 4, a: 5, S: 6, s: 7, '\n': 8, $: 1, O: 9, o: 10 }
const toIds = (short: string): number[] => [...short].map((letter) => ID_OF[letter] ?? letter.charCodeAt(0))

/** One id a letter: the offset of a violation in the ids is its offset in the short form. */
const shortRules = (short: string, options?: GrammarOptions): string[] =>
  parseThinkingIds(toIds(short), IDS, options).violations.map(({ rule, offset }) => `${rule}@${offset}`)

describe('strict grammar', () => {
  it('gives the tree of a response with offsets', () => {
    const text = 'see\n\n<Parallel><Path>x</Path><Path>yz</Path></Parallel>\n<Summary>q</Summary> end'
    const { tree, violations } = parseThinking(text)
    expect(violations).toEqual([])
    expect(tree.parts.map((part) => part.kind)).toEqual(['text', 'block', 'text'])
    const block = tree.parts[1]
    if (block.kind !== 'block') throw new Error('no block')
    expect(text.slice(block.start, block.end)).toBe(text.slice(5, text.length - 4))
    expect(text.slice(block.start, block.bodyEnd)).toBe('<Parallel><Path>x</Path><Path>yz</Path></Parallel>')
    expect(block.paths.map((path) => text.slice(path.start, path.end))).toEqual(['<Path>x</Path>', '<Path>yz</Path>'])
    expect(block.paths.map((path) => text.slice(path.contentStart, path.contentEnd))).toEqual(['x', 'yz'])
    expect(text.slice(block.summary!.start, block.summary!.end)).toBe('<Summary>q</Summary>')
  })

  it('reads as white space what trim removes, and nothing else', () => {
    const blank: string[] = []
    for (let code = 0; code < 0x10000; code++) {
      const character = String.fromCharCode(code)
      if (rules(`<Parallel><Path>${character}</Path><Path>bb</Path></Parallel><Summary>c</Summary>`).length > 0) blank.push(character)
    }
    expect(blank).toHaveLength(25)
    expect(blank.join('').trim()).toBe('')
  })

  it('gives violations in order of offset, whatever the tags', () => {
    const soup = fc.array(fc.constantFrom(...'PpAaSsOo', 'b', '\n', ' '), { maxLength: 60 }).map((letters) => letters.join(''))
    fc.assert(
      fc.property(soup, fc.boolean(), (short, compatible) => {
        const offsets = parseThinking(long(short), { compatible }).violations.map(({ offset }) => offset)
        expect(offsets).toEqual([...offsets].sort((a, b) => a - b))
      }),
      { numRuns: 300 },
    )
  })

  const cases: [string, string, string[]][] = [
    ['no tags at all', 'b c d', []],
    ['nothing', '', []],
    ['two blocks', 'xPAbaAcap\nSdsexPAbaAcap\nSds', []],
    ['stray </Path>', 'xya', ['stray-close@2']],
    ['stray </Parallel>', 'xp', ['stray-close@1']],
    ['stray </Summary>', 'PAbaAcap\nSdsxs', ['stray-close@13']],
    ['a path in free text', 'xAya', ['path-outside-block@1']],
    ['a path between </Parallel> and <Summary>', 'PAbaAcapAea\nSds', ['path-outside-block@8', 'summary-separator@8']],
    ['a path in a summary', 'PAbaAcap\nSdAeas', ['path-outside-block@11']],
    ['a path in a path', 'PAbAxaaAcap\nSds', ['nested-path@3']],
    ['a block in a path', 'PAbPAxaAyapaAcap\nSds', ['nested-block@3', 'nested-path@4', 'nested-path@7']],
    ['a block directly in a block', 'PPAbaAcapp\nSds', ['nested-block@1']],
    ['a block in a summary', 'PAbaAcap\nSdPAxaAyap\nSzss', ['block-in-summary@11', 'stray-close@23']],
    ['text before the first path', 'PxAbaAcap\nSds', ['text-in-block@1']],
    ['text between paths', 'PAbaxyAcap\nSds', ['text-in-block@4']],
    ['text after the last path', 'PAbaAca\np\nSds', ['text-in-block@7']],
    ['no path', 'Pp\nSds', ['no-path@0']],
    ['one path', 'xPAbap\nSds', ['too-few-paths@1']],
    ['an empty path', 'PAaAcap\nSds', ['empty-path@1']],
    ['identical paths', 'PAbaAcaAbap\nSds', ['identical-paths@7']],
    ['an unclosed path', 'PAbaAcp\nSds', ['unclosed-path@4']],
    ['a path open at the end', 'PAbaAc', ['unclosed-block@0', 'unclosed-path@4']],
    ['a block open at the end', 'PAbaAca', ['unclosed-block@0']],
    ['two blocks before a summary', 'PAbaAcapPAbaAcap\nSds', ['block-before-summary@8']],
    ['a missing summary', 'PAbaAcapx', ['missing-summary@8']],
    ['no line break before the summary', 'PAbaAcapSds', ['summary-separator@8']],
    ['two line breaks before the summary', 'PAbaAcap\n\nSds', ['summary-separator@8']],
    ['text before the summary', 'PAbaAcap\nxSds', ['summary-separator@8']],
    ['a summary inside the block', 'PAbaAcaSdsp', ['summary-in-block@7', 'text-in-block@8', 'missing-summary@11']],
    ['a summary inside a path', 'PASdsaAcap\nSds', ['summary-in-block@2']],
    ['a summary without a block', 'xSds', ['summary-without-block@1']],
    ['a second summary', 'PAbaAcap\nSdsSds', ['summary-without-block@12']],
    ['a summary inside a summary', 'PAbaAcap\nSdSxss', ['nested-summary@11']],
    ['an unclosed summary', 'PAbaAcap\nSd', ['unclosed-summary@9']],
    ['an empty summary', 'PAbaAcap\nSs', ['empty-summary@9']],
    ['an end-of-response id inside', 'x$y$', ['early-eos@1']],
    ['an outline for each path', 'xPOboOcoAbaAcap\nSdseP OxoOyo AbaAcap\nSds'.replaceAll(' ', ''), []],
    ['an outline in free text', 'xOyo', ['outline-outside-block@1']],
    ['an outline in a summary', 'PAbaAcap\nSdOxos', ['outline-outside-block@11']],
    ['an outline in an outline', 'POxOyooOzoAbaAcap\nSds', ['nested-outline@3']],
    ['an outline behind a path', 'PAbaOxoAcap\nSds', ['late-outline@4', 'text-in-block@5']],
    ['an outline in a path', 'PAbOxoaAcap\nSds', ['late-outline@3']],
    ['a path in an outline', 'POxAyaoOzoAbaAcap\nSds', ['path-in-outline@3']],
    ['a block in an outline', 'POxPAyapoOzoAbaAcap\nSds', ['nested-block@3', 'path-in-outline@4']],
    ['a summary in an outline', 'POxSysoOzoAbaAcap\nSds', ['summary-in-block@3']],
    ['an empty outline', 'POoOxoAbaAcap\nSds', ['empty-outline@1']],
    ['identical outlines', 'POxoOyoOxoAbaAcaAdap\nSds', ['identical-outlines@7']],
    ['an unclosed outline', 'POxp\nSds', ['no-path@0', 'outline-count@0', 'unclosed-outline@1']],
    ['an outline open at the end', 'POx', ['unclosed-block@0', 'no-path@0', 'outline-count@0', 'unclosed-outline@1']],
    ['more outlines than paths', 'POxoOyoOzoAbaAcap\nSds', ['outline-count@0']],
    ['fewer outlines than paths', 'POxoAbaAcap\nSds', ['outline-count@0']],
    ['text between outlines', 'POxoyOzoAbaAcap\nSds', ['text-in-block@4']],
    ['a stray </Outline>', 'xo', ['stray-close@1']],
  ]
  it.each(cases)('%s', (_name, short, expected) => {
    expect(shortRules(short)).toEqual(expected)
  })

  it('covers every rule above', () => {
    const seen = new Set(cases.flatMap(([, , expected]) => expected.map((entry) => entry.split('@')[0])))
    const missing = (Object.keys(RULES) as Rule[]).filter((rule) => !seen.has(rule))
    expect(missing).toEqual(['missing-outlines', 'too-many-paths', 'too-many-tags'])
    expect(shortRules('PAbaAcap\nSds', { outlines: true })).toEqual(['missing-outlines@0'])
    expect(shortRules('POxoOyoAbaAcap\nSds', { outlines: true })).toEqual([])
    const many = `<Parallel>${Array.from({ length: 17 }, (_, i) => `<Path>${i}</Path>`).join('')}</Parallel>\n<Summary>s</Summary>`
    expect(rules(many)).toEqual([`too-many-paths@${many.indexOf('<Path>16')}`])
    expect(rules(many, { maxPaths: 17 })).toEqual([])
  })

  it('reads 16,384 tags of a text and says where it stopped', () => {
    const block = long('PAbaAcap\nSds')
    const whole = block.repeat(MAX_TAGS / 8)
    expect(rules(whole)).toEqual([])
    for (const compatible of [false, true]) {
      const beyond = parseThinking(`${whole}x</Path>y${block}`, { compatible })
      expect(beyond.violations).toEqual([{ rule: 'too-many-tags', offset: whole.length + 1 }])
      expect(beyond.tree.parts.at(-1)).toEqual({
        kind: 'text',
        start: whole.length,
        end: whole.length + 1 + '</Path>y'.length + block.length,
      })
    }
  })

  it('finds the same in text as in ids where the layout is strict too', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[PpAaSsOo\nbc]{0,30}$/), (short) => {
        const ids = parseThinkingIds(toIds(short), IDS)
        const text = parseThinking(long(short), { strictLayout: true })
        const starts: number[] = [0]
        for (const letter of short) starts.push(starts[starts.length - 1] + (LETTERS[letter] ?? letter).length)
        const strip = (found: { rule: string }[]): { rule: string }[] => found.filter((v) => !/^(empty|identical)/.test(v.rule))
        expect(strip(text.violations)).toMatchObject(
          strip(ids.violations.map((v) => ({ rule: v.rule, offset: starts[v.offset] }))) as object[],
        )
      }),
    )
  })

  it('ignores outer white space when it asks whether a path is empty or repeated', () => {
    expect(rules(long('PA aAbaA b ap\nSxs'))).toEqual(['empty-path@10', 'identical-paths@38'])
    expect(rules(long('PAxaAbap\nS\n s'))).toEqual(['empty-summary@50'])
  })

  it('lets minPaths and allow relax it', () => {
    expect(rules(long('PAbap\nSxs'), { minPaths: 1 })).toEqual([])
    expect(rules(long('Pp\nSxs'), { minPaths: 1 })).toEqual(['no-path@0'])
    expect(rules(long('PAbaAbap\nSxs'), { allow: ['identical-paths'] })).toEqual([])
  })

  it('says in words what is wrong and where', () => {
    expect(inWords(parseThinking('x</Path>').violations[0])).toBe('stray-close at offset 1: a closing tag with nothing of its kind open')
  })

  it('is linear: a megabyte of any tag takes no noticeable time', () => {
    const hostile = [...Object.values(TAGS), '<', `${TAGS.parallel}${TAGS.path}x`, `${TAGS.path}${TAGS.pathEnd}`, `x${TAGS.parallelEnd}\n`]
    hostile.push(`${TAGS.path}${'y'.repeat(100)}${TAGS.pathEnd}`)
    for (const piece of hostile) {
      const text = TAGS.parallel + piece.repeat(Math.ceil(1e6 / piece.length))
      const started = performance.now()
      parseThinking(text)
      parseThinking(text, { compatible: true })
      // A fraction of a second on an idle machine; a quadratic parser takes hours.
      expect(performance.now() - started).toBeLessThan(10_000)
    }
  })

  it('always returns parts that cover the input in order, for any sequence of tags', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[PpAaSsOo\nbc]{0,40}$/), (short) => {
        const { tree } = parseThinkingIds(toIds(short), IDS)
        let at = 0
        for (const part of tree.parts) {
          expect(part.start).toBe(at)
          expect(part.end).toBeGreaterThan(part.start)
          at = part.end
          if (part.kind === 'text') continue
          let inside = part.start + 1
          for (const path of part.paths) {
            expect(path.start).toBeGreaterThanOrEqual(inside)
            inside = path.end
          }
          expect(part.bodyEnd).toBeGreaterThanOrEqual(inside)
          if (part.summary) expect(part.summary.start).toBeGreaterThanOrEqual(part.bodyEnd)
          expect(part.end).toBe(part.summary ? part.summary.end : part.bodyEnd)
        }
        expect(at).toBe(short.length)
      }),
    )
  })
})

describe('outlines', () => {
  it('are in the tree, in front of the paths', () => {
    const text = `a${long('POxoOy zoAbaAcap')}\n${long('Sds')}`
    const { tree, violations } = parseThinking(text)
    expect(violations).toEqual([])
    const block = tree.parts.find((part) => part.kind === 'block')!
    expect(block.outlines!.map(({ contentStart, contentEnd }) => text.slice(contentStart, contentEnd))).toEqual(['x', 'y z'])
    expect(block.outlines!.map(({ start, end }) => text.slice(start, end))).toEqual([long('Oxo'), long('Oy zo')])
    expect(parseThinking(long('PAbaAcap\nSds')).tree.parts[0]).not.toHaveProperty('outlines')
  })

  it('are text in the ids of a model without them, and nothing to the checker of the Parallel-R1 code', () => {
    expect(parseThinkingIds(toIds('xOyo'), SIX).violations).toEqual([])
    expect(parseThinkingIds(toIds('POxoAbaAcap\nSds'), SIX).violations.map(({ rule }) => rule)).toEqual(['text-in-block'])
    expect(shortRules('OPOxoOyoAbOaAcap\nSdOs', { compatible: true })).toEqual([])
  })
})

describe('white space between the tags of a block', () => {
  const layouts = ['P\n A b a \nAca\n\np\n\nS d s', 'P A b a\tA c a p S d s', 'PAbaAcapSds', '\nP\nA\nb\na\nA\nc\na\np\nS\nd\ns\n']

  it.each(layouts)('says nothing in text: %j', (short) => {
    const text = long(short)
    const { tree, violations } = parseThinking(text)
    expect(violations).toEqual([])
    const block = tree.parts.find((part) => part.kind === 'block')!
    expect(block.paths.map(({ contentStart, contentEnd }) => text.slice(contentStart, contentEnd).trim())).toEqual(['b', 'c'])
    expect(text.slice(block.summary!.contentStart, block.summary!.contentEnd).trim()).toBe('d')
  })

  it.each(layouts)('is refused in ids, and in text where the layout is strict: %j', (short) => {
    expect(shortRules(short).length).toBeGreaterThan(0)
    expect(rules(long(short), { strictLayout: true }).length).toBeGreaterThan(0)
  })

  it('hides no text: the rule and the offset are those of any other text there', () => {
    expect(rules('<Parallel>\n<Path>b</Path>\nor\n<Path>c</Path>\n</Parallel>\n<Summary>d</Summary>')).toEqual(['text-in-block@25'])
    expect(rules('<Parallel><Path>b</Path><Path>c</Path></Parallel>\nso\n<Summary>d</Summary>')).toEqual(['summary-separator@49'])
  })

  it('changes no violation of anything else', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[PpAaSsOox]{0,30}$/), fc.constantFrom('\n', ' ', '\n\n  '), (short, space) => {
        const found = (text: string): string[] =>
          parseThinking(text)
            .violations.map(({ rule }) => rule)
            .sort()
        const plain = found(long(short))
        const airy = found(long(short.replace(/[PpAaSsOo]/g, (tag) => space + tag + space)))
        expect(airy).toEqual(plain)
      }),
    )
  })
})

/**
 * The reference checker in other words: brackets nest, blocks have two paths, and among block tags and `<Summary>`
 * every summary follows a closing block and every closing block is followed by a summary.
 */
function referenceAccepts(short: string): boolean {
  const tags = short.replace(/[^PpAaS]/g, '')
  let brackets = tags.replaceAll('S', '')
  while (/Pp|Aa/.test(brackets)) brackets = brackets.replace(/Pp|Aa/g, '')
  if (brackets !== '') return false
  let depth: number[] = []
  for (const tag of tags) {
    if (tag === 'P') depth = [...depth, 0]
    if (tag === 'a') depth = depth.map((count, i) => (i === depth.length - 1 ? count + 1 : count))
    if (tag === 'p' && depth.pop()! < 2) return false
  }
  const order = tags.replace(/[Aa]/g, '')
  return !/(^|[PS])S/.test(order) && !/p([Pp]|$)/.test(order)
}

describe('compatible mode', () => {
  const good = 'PAbaAcap\nSds'
  it.each([
    ['no tags at all', 'bc'],
    ['a missing </Summary>', 'PAbaAcap\nSd'],
    ['an extra </Summary>', `${good}s`],
    ['a dangling <Summary>', 'PAbaAcap\nS'],
    ['text between paths', 'PAbaxAcap\nSds'],
    ['text before the summary', 'PAbaAcap xy Sds'],
    ['empty paths', 'PAaAap\nSds'],
    ['identical paths', 'PAbaAbap\nSds'],
    ['a path outside any block', `Axa${good}`],
    ['a path between </Parallel> and <Summary>', 'PAbaAcapAxa\nSds'],
    ['a path inside a path', 'PAbAxaaAcap\nSds'],
    ['a block directly inside a block', 'PPAbaAcapSdsAbaAcap\nSds'],
    ['a block inside a summary', `PAbaAcap\nSd${good}s`],
  ])('accepts %s', (_name, short) => {
    expect(shortRules(short, { compatible: true })).toEqual([])
    expect(referenceAccepts(short)).toBe(true)
  })

  it.each([
    ['a one-path block', 'PAbap\nSds', ['too-few-paths@0']],
    ['a summary inside the block', 'PAbaAcaSdsp', ['summary-in-block@7', 'missing-summary@11']],
    ['two blocks before one summary', `PAbaAcap${good}`, ['block-before-summary@8']],
    ['an unclosed path', 'PAbaAcaAdp\nSds', ['unclosed-block@0', 'unclosed-path@7', 'stray-close@9', 'summary-in-block@11']],
    ['an unclosed block', 'PAbaAca', ['unclosed-block@0']],
  ])('rejects %s', (_name, short, expected) => {
    expect(shortRules(short, { compatible: true })).toEqual(expected)
    expect(referenceAccepts(short)).toBe(false)
  })

  it('accepts and rejects as the restated checker does', () => {
    const pieces = fc.constantFrom('P', 'p', 'A', 'a', 'S', 's', 'x', 'AxaAya', 'pS', 'PAxaAya', good)
    let accepted = 0
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 9 }), (list) => {
        const short = list.join('')
        const accepts = parseThinking(long(short), { compatible: true }).violations.length === 0
        if (accepts && list.length > 2) accepted++
        expect(accepts).toBe(referenceAccepts(short))
      }),
      { numRuns: 3000 },
    )
    expect(accepted).toBeGreaterThan(20)
  })
})
