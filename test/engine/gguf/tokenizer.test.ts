import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Tokenizer } from '../../../src/engine/checkpoint/tokenizer.ts'
import { CheckpointError } from '../../../src/engine/errors.ts'
import { ggufTokenizer } from '../../../src/engine/gguf/tokenizer.ts'
import { character } from '../../unicode.ts'
import { temporaryFolder } from '../checkpoint/build.ts'
import { byteLevel, type Keys, mergesOfAll, metadataOf, sentencePiece } from './vocabulary.ts'

const rows = 10_000
const tokensOf = (tokenizer: Tokenizer, text: string) => tokenizer.encode(text).map((id) => tokenizer.tokenOf(id))

describe('byte-level BPE of a GGUF file', () => {
  /** Where each pre-tokenizer cuts a text. */
  it.each<[string, string, string[]]>([
    ['gpt-2', "don'T I'm 1234", ['don', "'", 'T', ' I', "'m", ' 1234']],
    ['gpt-2', 'a \n\n  b\n', ['a', ' \n\n ', ' b', '\n']],
    ['smollm', 'x 12  3', ['x', ' ', '1', '2', '  ', '3']],
    ['smollm', "don'T it's", ['don', "'", 'T', ' it', "'s"]],
    ['llama-bpe', "don'T 12345 x", ['don', "'T", ' ', '123', '45', ' x']],
    ['llama-bpe', 'a(b)\n\n  c', ['a', '(b', ')\n\n', ' ', ' c']],
    ['qwen2', "don'T 123 x", ['don', "'T", ' ', '1', '2', '3', ' x']],
    ['tekken', 'fooBar HTML 12', ['foo', 'Bar', ' HTML', ' ', '1', '2']],
    ['tekken', 'a./\n b', ['a', './\n', ' b']],
    ['gpt-4o', "fooBar's 1234", ['foo', "Bar's", ' ', '123', '4']],
    ['llama3', '\u0085\u00a0x\ufeff', ['\u0085', '\u00a0x', '\ufeff']],
  ])('%s cuts %j', (pre, text, pieces) => {
    const { tokenizer } = ggufTokenizer(byteLevel(pre, mergesOfAll(text)), rows)
    const ids = tokenizer.encode(text)
    expect(ids.map((id) => tokenizer.decode([id]))).toEqual(pieces)
  })

  it('refuses a pre-tokenizer that it does not know, by name', () => {
    const refused = () => ggufTokenizer(byteLevel('kimi-k2'), rows)
    expect(refused).toThrow(CheckpointError)
    expect(refused).toThrow(/tiny\.gguf: tokenizer\.ggml\.pre: expected .*smollm.*found "kimi-k2"/)
    expect(() => ggufTokenizer(byteLevel('smollm', [], { pre: undefined }), rows)).toThrow(/found nothing/)
  })

  it('takes a whole piece as its token where the pre-tokenizer says so, else what merges make', () => {
    // No merge makes "abc" of "abc": b and c come together first.
    const merges: [string, string][] = [
      ['b', 'c'],
      ['a', 'b'],
      ['ab', 'c'],
    ]
    expect(tokensOf(ggufTokenizer(byteLevel('llama-bpe', merges), rows).tokenizer, 'abc')).toEqual(['abc'])
    expect(tokensOf(ggufTokenizer(byteLevel('qwen2', merges), rows).tokenizer, 'abc')).toEqual(['a', 'bc'])
  })

  it('finds special tokens and those of a user in a text, and gives every text back', () => {
    const { tokenizer } = ggufTokenizer(byteLevel('qwen2', mergesOfAll('hello ')), rows)
    expect(tokensOf(tokenizer, '<|start|>hello<|end|><user>')).toEqual(['<|start|>', 'hello', '<|end|>', '<user>'])
    expect(tokenizer.decode(tokenizer.encode('<|start|>hello<user>'), { keepSpecial: false })).toBe('hello<user>')
    fc.assert(
      fc.property(fc.string({ unit: character }), (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
      }),
    )
  })

  it('puts BOS and EOS around a text where the file, or its kind, says so', () => {
    const around = (pre: string, keys: Keys) => ggufTokenizer(byteLevel(pre, [], keys), rows).tokenizer.encode('a', { addSpecial: true })
    expect(around('qwen2', {})).toEqual([97])
    expect(around('qwen2', { add_bos_token: true })).toEqual([257, 97])
    expect(around('qwen2', { add_bos_token: true, add_eos_token: true })).toEqual([257, 97, 256])
    expect(around('llama-bpe', {})).toEqual([257, 97])
    expect(around('llama-bpe', { add_bos_token: false })).toEqual([97])
    expect(ggufTokenizer(byteLevel('llama-bpe'), rows).tokenizer.config).toMatchObject({ add_bos_token: true, bos_token: '<|start|>' })
    expect(() => around('llama-bpe', { bos_token_id: undefined })).toThrow(/tokenizer\.ggml\.bos_token_id: expected .*found nothing/)
  })

  it('names every end token, that of the file first', () => {
    const tokens = ['a', '<|im_end|>', '<file_sep>', '<reponame>', '</s>', 'b']
    const keys = { model: 'gpt2', pre: 'qwen2', tokens, merges: [], token_type: Int32Array.of(1, 3, 3, 3, 1, 1) }
    const of = (more: Keys) => ggufTokenizer(metadataOf({ ...keys, ...more }), rows)
    // llama.cpp ends at </s> and <reponame>, by their text.
    expect(of({}).endIds).toEqual([1, 3, 4])
    expect(of({ eos_token_id: 4, eot_token_id: 5 }).endIds).toEqual([4, 5, 1, 3])
    expect(of({}).tokenizer.encode('</s>')).toEqual([4])
  })

  it('knows no tokens in rows that only fill the embedding', () => {
    const tokens = ['a', 'b', '[PAD2]', '[PAD3]', '[PAD9]']
    const { tokenizer } = ggufTokenizer(metadataOf({ model: 'gpt2', pre: 'qwen2', tokens, merges: [] }), 5)
    expect(tokenizer.decode([0, 2, 3, 1])).toBe('ab')
    const { tokenizer: filled } = ggufTokenizer(metadataOf({ model: 'gpt2', pre: 'qwen2', tokens: tokens.slice(0, 4), merges: [] }), 4)
    expect(filled.vocabSize).toBe(2)
    expect(filled.withAddedTokens(['<Path>']).idOf('<Path>')).toBe(2)
  })

  it('renders the chat template with its tokens', () => {
    const source = '{{ bos_token }}{{ messages[0].content }}{{ eos_token }}'
    const { chatTemplate } = ggufTokenizer(byteLevel('qwen2', [], { 'tokenizer.chat_template': source }), rows)
    expect(chatTemplate?.render([{ role: 'user', content: 'hi' }])).toBe('<|start|>hi<|end|>')
    expect(ggufTokenizer(byteLevel('qwen2'), rows).chatTemplate).toBeUndefined()
  })
})

describe('SentencePiece of a GGUF file', () => {
  const pieces = { '▁': -9, h: -9, e: -9, l: -9, o: -9, he: -2, '▁he': -3, ll: -1, llo: -4, x: -9, xx: -6, xxx: -7, é: -9 }
  const { tokenizer } = ggufTokenizer(sentencePiece(pieces), rows)

  it('merges by score, with a space before every text', () => {
    expect(tokensOf(tokenizer, 'hello')).toEqual(['▁he', 'llo'])
    expect(tokensOf(tokenizer, ' hello')).toEqual(['▁', '▁he', 'llo'])
    expect(tokensOf(tokenizer, 'hello</s>hello')).toEqual(['▁he', 'llo', '</s>', '▁he', 'llo'])
    expect(tokensOf(ggufTokenizer(sentencePiece(pieces, { add_space_prefix: false }), rows).tokenizer, 'hello')).toEqual(['he', 'llo'])
  })

  it('merges the leftmost of equals', () => {
    expect(tokensOf(tokenizer, 'xxxxx')).toEqual(['▁', 'xx', 'xxx'])
  })

  it('writes what has no token as bytes', () => {
    expect(tokensOf(tokenizer, 'é\n漢')).toEqual(['▁', 'é', '<0x0A>', '<0xE6>', '<0xBC>', '<0xA2>'])
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text.replaceAll('▁', ' '))
      }),
    )
  })

  it('adds BOS where nothing says otherwise, and ends at </s>', () => {
    expect(tokenizer.encode('x', { addSpecial: true })).toEqual([1, ...tokenizer.encode('x')])
    const unnamed = ggufTokenizer(sentencePiece(pieces, { bos_token_id: undefined, eos_token_id: undefined }), rows)
    expect(unnamed).toMatchObject({ bosId: 1, endIds: [2] })
  })

  it('comes back from a folder, with tags', async () => {
    const folder = temporaryFolder()
    const tagged = tokenizer.withAddedTokens(['<Path>'])
    await tagged.save(folder)
    const back = Tokenizer.load(folder)
    for (const text of ['hello <Path>hello</s> é\n', 'xxxxx', '', '  hello  漢'])
      expect(back.encode(text, { addSpecial: true })).toEqual(tagged.encode(text, { addSpecial: true }))
  })
})

describe('a damaged tokenizer of a GGUF file', () => {
  const bytes = byteLevel('qwen2', mergesOfAll('ab'))
  const pieces = sentencePiece({ a: 0, b: 0, ab: 0 })
  const changed = (metadata: typeof bytes, keys: Keys) =>
    metadataOf({ ...Object.fromEntries([...metadata.keys()].map((key) => [key, metadata.get(key)])), ...keys })
  const tokens = bytes.strings('tokenizer.ggml.tokens') as string[]
  // What is changed, parts of the message
  it.each<[string, ReturnType<typeof metadataOf>, number, string[]]>([
    ['no model', changed(bytes, { 'tokenizer.ggml.model': undefined }), rows, ['tokenizer.ggml.model', 'found nothing']],
    ['another model', changed(bytes, { 'tokenizer.ggml.model': 'bert' }), rows, ['tokenizer.ggml.model', 'gpt2', 'found "bert"']],
    ['no tokens', changed(bytes, { 'tokenizer.ggml.tokens': undefined }), rows, ['tokenizer.ggml.tokens', 'found nothing']],
    ['tokens that are numbers', changed(bytes, { 'tokenizer.ggml.tokens': Int32Array.of(1) }), rows, ['tokenizer.ggml.tokens']],
    ['more tokens than rows', bytes, 200, ['tokenizer.ggml.tokens', 'at most 200 tokens', `found ${tokens.length}`]],
    ['a token twice', changed(bytes, { 'tokenizer.ggml.tokens': [...tokens, 'a'] }), rows, ['tokenizer.ggml.tokens', '"a" at 97 and']],
    [
      'a token without end',
      changed(bytes, { 'tokenizer.ggml.tokens': [...tokens, 'x'.repeat(5000)] }),
      rows,
      [`tokenizer.ggml.tokens[${tokens.length}]`, 'found 5000'],
    ],
    [
      'too few types',
      changed(bytes, { 'tokenizer.ggml.token_type': Int32Array.of(1, 1) }),
      rows,
      ['tokenizer.ggml.token_type', `each of ${tokens.length}`],
    ],
    ['no merges', changed(bytes, { 'tokenizer.ggml.merges': undefined }), rows, ['tokenizer.ggml.merges', 'found nothing']],
    ['a merge of one', changed(bytes, { 'tokenizer.ggml.merges': ['a b', 'ab'] }), rows, ['tokenizer.ggml.merges[1]', '"ab"']],
    ['a merge of no token', changed(bytes, { 'tokenizer.ggml.merges': ['b c'] }), rows, ['tokenizer.ggml.merges[0]', 'no token "bc"']],
    [
      'an id beyond the tokens',
      changed(bytes, { 'tokenizer.ggml.eos_token_id': 9999 }),
      rows,
      ['tokenizer.ggml.eos_token_id', 'found 9999'],
    ],
    ['an id that is none', changed(bytes, { 'tokenizer.ggml.bos_token_id': 1.5 }), rows, ['tokenizer.ggml.bos_token_id', 'found 1.5']],
    ['no scores', changed(pieces, { 'tokenizer.ggml.scores': undefined }), rows, ['tokenizer.ggml.scores', 'found nothing']],
    ['too few scores', changed(pieces, { 'tokenizer.ggml.scores': Float32Array.of(1) }), rows, ['tokenizer.ggml.scores', 'each of 262']],
    [
      'a score that is no number',
      changed(pieces, { 'tokenizer.ggml.scores': new Float32Array(262).fill(Number.NaN, 7, 8) }),
      rows,
      ['tokenizer.ggml.scores[7]', 'NaN'],
    ],
    ['a template that is a number', changed(bytes, { 'tokenizer.chat_template': 3 }), rows, ['tokenizer.chat_template', 'found 3']],
  ])('%s', (_, metadata, vocabRows, parts) => {
    const refused = () => ggufTokenizer(metadata, vocabRows)
    expect(refused).toThrow(CheckpointError)
    for (const part of ['tiny.gguf', ...parts]) expect(refused).toThrow(part)
  })

  it('leaves a padding token that is none', () => {
    expect(ggufTokenizer(changed(bytes, { 'tokenizer.ggml.padding_token_id': 9999 }), rows).tokenizer.config.pad_token).toBeUndefined()
  })
})
