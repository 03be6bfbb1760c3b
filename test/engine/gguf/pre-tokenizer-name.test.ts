import { describe, expect, it } from 'vitest'
import { preTokenizerName } from '../../../src/engine/gguf/pre-tokenizer-name.ts'
import { preTokenizers } from '../../../src/engine/gguf/pre-tokenizers.ts'

const { raw } = String
const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false }
const words = { ...bytes, use_regex: true }
const split = (Regex: string, behavior = 'Isolated', invert = false) => ({ type: 'Split', pattern: { Regex }, behavior, invert })
const sequence = (...pretokenizers: object[]) => ({ type: 'Sequence', pretokenizers })
const english = raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+`
const rest = raw` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
const nemo = raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`

describe('preTokenizerName', () => {
  /** As the models' own tokenizer.json have them. */
  it.each<[string | undefined, string, object | null, boolean]>([
    ['gpt-2', 'GPT-2', words, false],
    ['smollm', 'SmolLM', sequence({ type: 'Digits', individual_digits: true }, words), false],
    ['llama-bpe', 'Llama 3', sequence(split(raw`${english}|\p{N}{1,3}|${rest}`), bytes), true],
    ['dbrx', 'Llama 3 that only merges', sequence(split(raw`${english}|\p{N}{1,3}|${rest}`), bytes), false],
    ['qwen2', 'Qwen', sequence(split(raw`${english}|\p{N}|${rest}`), bytes), false],
    ['qwen2', 'an older form of Qwen', sequence(split(raw`${english}|\p{N}|${rest}`, 'Removed', true), bytes), false],
    ['tekken', 'Mistral Nemo', sequence(split(nemo), bytes), true],
    [undefined, 'another regex', sequence(split(raw`\p{N}{1,2}|\s+`), bytes), false],
    [undefined, 'a blank before the text', { ...words, add_prefix_space: true }, false],
    [undefined, 'no cutting', null, false],
  ])('%s is the way of %s', (name, _, rule, wholeTokens) => {
    expect(preTokenizerName({ pre_tokenizer: rule, model: { ignore_merges: wholeTokens } })).toBe(name)
  })

  it('knows every way that is read here', () => {
    for (const { patterns, wholeTokens = false } of preTokenizers.values()) {
      const pre_tokenizer = sequence(...patterns.map((pattern) => split(pattern)), bytes)
      const name = preTokenizerName({ pre_tokenizer, model: { ignore_merges: wholeTokens } })
      expect(preTokenizers.get(name!)?.patterns).toEqual(patterns)
    }
  })
})
