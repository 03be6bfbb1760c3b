import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/engine/errors.ts'
import { agreedTags, allTagIds, OUTLINE_TOKENS, TAG_TOKENS, type TagTokenizer, tagIdsFrom, tagList } from '../../src/thinking/tags.ts'

/** A tokenizer of whole tags and single characters, with a mark before a text as SentencePiece has one. */
function tokenizer(tokens: Record<string, number>, splits: string[] = []): TagTokenizer {
  const whole = new Map(Object.entries(tokens))
  return {
    idOf: (token) => whole.get(token),
    encode: (text) =>
      text
        .split(/(<\/?(?:Parallel|Path|Summary|Outline)>)/)
        .filter((part) => part !== '')
        .flatMap((part, k) => {
          if (whole.has(part) && !splits.includes(part)) return [whole.get(part)!]
          const letters = [...part].map((letter) => 100 + letter.charCodeAt(0))
          return k === 0 && part.trim() === '' ? [99, ...letters] : letters
        }),
  }
}

const tokens = Object.fromEntries(TAG_TOKENS.map((tag, k) => [tag, 10 + k]))

describe('tagIdsFrom', () => {
  it('finds the six ids, the line break and the end', () => {
    const tags = tagIdsFrom(tokenizer(tokens), [1, 2])
    expect(tagList(tags)).toEqual([10, 11, 12, 13, 14, 15])
    expect(tags).toMatchObject({ parallel: 10, summaryEnd: 15, newline: [110], eos: [1, 2] })
  })

  it('refuses a tag that is missing, split, or shares its id', () => {
    const { '<Path>': _, ...missing } = tokens
    expect(() => tagIdsFrom(tokenizer(missing), [1])).toThrow(/exactly one token. Got for <Path>: no such token, text ids \[160, 180/)
    expect(() => tagIdsFrom(tokenizer(tokens, ['</Path>']), [1])).toThrow(/Got for <\/Path>: token 13, text ids \[160/)
    expect(() => tagIdsFrom(tokenizer({ ...tokens, '<Summary>': 10 }), [1])).toThrow(/six different ids. Got \[10, 11, 12, 13, 10, 15\]/)
    expect(() => tagIdsFrom(tokenizer(missing), [1])).toThrow(ConfigError)
  })

  it('refuses an end id that is missing or a tag, and a line break that is one', () => {
    expect(() => tagIdsFrom(tokenizer(tokens), [])).toThrow(/end id that is no tag. Got eos \[\]/)
    expect(() => tagIdsFrom(tokenizer(tokens), [12])).toThrow(/Got eos \[12\]/)
    expect(() => tagIdsFrom(tokenizer({ ...tokens, '\n': 1 }), [1])).toThrow(/line break needs ids of its own. Got \[1\]/)
  })
})

describe('the tags of outlines', () => {
  const eight = { ...tokens, ...Object.fromEntries(OUTLINE_TOKENS.map((tag, k) => [tag, 16 + k])) }

  it('are found where each is one token, and are none where one is not', () => {
    const tags = tagIdsFrom(tokenizer(eight), [1])
    expect(tags).toMatchObject({ outline: 16, outlineEnd: 17 })
    expect(allTagIds(tags)).toEqual([10, 11, 12, 13, 14, 15, 16, 17])
    const { '</Outline>': _, ...seven } = eight
    for (const none of [tokenizer(tokens), tokenizer(seven), tokenizer(eight, ['<Outline>'])]) {
      expect(tagIdsFrom(none, [1])).not.toHaveProperty('outline')
    }
    expect(() => tagIdsFrom(tokenizer({ ...eight, '<Outline>': 10 }), [1])).toThrow(/eight different ids/)
  })

  it('that a checkpoint names must be those of its tokenizer; one that names none opens all the same', () => {
    const tags = tagIdsFrom(tokenizer(eight), [1])
    expect(agreedTags(tags, tokenizer(eight), 'f')).toBe(tags)
    const old = tagIdsFrom(tokenizer(tokens), [1])
    expect(agreedTags(old, tokenizer(eight), 'f')).toBe(old)
    expect(() => agreedTags({ ...tags, outline: 18 }, tokenizer(eight), 'f')).toThrow(/Got \[18\] for <Outline>, the tokenizer has \[16\]/)
    expect(() => agreedTags(tags, tokenizer(tokens), 'f')).toThrow(/Got \[16\] for <Outline>, the tokenizer has \[\]/)
  })
})

describe('tags that a checkpoint names', () => {
  const saved = tagIdsFrom(tokenizer(tokens), [1])

  it('are taken where the tokenizer says the same, and refused by name where it does not', () => {
    expect(agreedTags(saved, tokenizer(tokens), 'f')).toBe(saved)
    const check = (change: object) => () => agreedTags({ ...saved, ...change }, tokenizer(tokens), 'a/parallel_r1.json')
    expect(check({ path: 13, pathEnd: 12 })).toThrow(ConfigError)
    expect(check({ path: 13, pathEnd: 12 })).toThrow(/^a\/parallel_r1\.json .*Got \[13\] for <Path>, the tokenizer has \[12\]/)
    expect(check({ newline: [5] })).toThrow(/Got \[5\] for the line break, the tokenizer has \[110\]/)
  })
})
