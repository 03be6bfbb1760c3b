import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hideTags } from '../../../src/providers/response.ts'
import { HiddenTags } from '../../../src/serve/text/hidden-tags.ts'
import { TAGS } from '../../../src/thinking/grammar.ts'

function hidden(pieces: readonly string[]): string {
  const tags = new HiddenTags()
  return [...pieces.map((piece) => tags.push(piece)), tags.end()].join('')
}

describe('tags that are hidden while a text comes', () => {
  it('leave what is left of the whole text, however it was cut', () => {
    const part = fc.oneof(
      fc.constantFrom(...Object.values(TAGS), ' ', '\n', '<', '</', '<Pat', '>', 'h>', '</Summary'),
      fc.string({ maxLength: 3 }),
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), fc.array(fc.nat(8), { maxLength: 30 }), (parts, cuts) => {
        const text = parts.join('')
        const pieces: string[] = []
        let at = 0
        for (const cut of cuts) {
          pieces.push(text.slice(at, at + cut))
          at += cut
        }
        expect(hidden([...pieces, text.slice(at)])).toBe(hideTags(text))
      }),
      { numRuns: 3000 },
    )
  })

  it('are said where they turn out to be none', () => {
    const tags = new HiddenTags()
    expect([tags.push('a '), tags.push('<Par'), tags.push('k>'), tags.push('<Path>'), tags.push(' b'), tags.end()]).toEqual([
      'a',
      '',
      ' <Park>',
      '',
      '\nb',
      '',
    ])
  })
})
