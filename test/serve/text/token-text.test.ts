import path from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Tokenizer } from '../../../src/engine/checkpoint/tokenizer.ts'
import { TokenText } from '../../../src/serve/text/token-text.ts'
import { tokenizers } from '../../tags/tokenizers.ts'

const countdown = Tokenizer.load(path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../suites/countdown/tokenizer'))
const kinds: [string, Tokenizer][] = [['countdown', countdown], ...tokenizers.map(([kind, make]): [string, Tokenizer] => [kind, make()])]

function told(tokenizer: Tokenizer, ids: readonly number[]): string[] {
  const text = new TokenText(tokenizer)
  return [...ids.map((id) => text.push(id)), text.end()]
}

describe('text of ids that come one by one', () => {
  it.each(kinds)('joined is what the tokenizer makes of all of them, whatever they are: %s', (_, tokenizer) => {
    fc.assert(
      fc.property(fc.array(fc.nat(tokenizer.vocabSize - 1), { maxLength: 40 }), (ids) => {
        expect(told(tokenizer, ids).join('')).toBe(ids.length > 0 ? tokenizer.decode(ids) : '')
      }),
      { numRuns: 300 },
    )
  })

  it('a character whose bytes are several tokens comes with the last of them', () => {
    const ids = countdown.encode('a€😀b')
    const pieces = told(countdown, ids)
    expect(pieces.join('')).toBe('a€😀b')
    expect(pieces.some((piece) => piece.includes('\ufffd'))).toBe(false)
    expect(told(countdown, ids.slice(0, -2)).at(-1)).toContain('\ufffd')
  })
})
