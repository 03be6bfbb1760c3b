import { beforeAll, describe, expect, it } from 'vitest'
import { readHeader } from '../../../src/engine/gguf/header.ts'
import { type GgufTokenizer, ggufTokenizer } from '../../../src/engine/gguf/tokenizer.ts'
import { sharedPath } from '../../shared.ts'

const real = sharedPath('models/SmolLM2-135M-Instruct.Q4_1.gguf')

describe.skipIf(real === undefined)('the tokenizer of SmolLM2', () => {
  let smollm: GgufTokenizer
  beforeAll(() => {
    smollm = ggufTokenizer(readHeader(real as string).metadata, 49152)
  })

  // Ids of llama.cpp v0.5.0. All vocabularies: tokenizer.proof.ts.
  it.each<[string, number[]]>([
    ['<|im_start|>user\nWhat is 17 * 23?<|im_end|>\n', [1, 4093, 198, 1780, 314, 216, 33, 39, 1672, 216, 34, 35, 47, 2, 198]],
    ['It costs  $1,250.50 in 2024', [1589, 3499, 216, 1885, 33, 28, 34, 37, 32, 30, 37, 32, 281, 216, 34, 32, 34, 36]],
    ["don'T\r\n\r\n\tx = 3", [12420, 23, 68, 18682, 197, 104, 446, 216, 35]],
    ['漢字 é e\u0301 😀', [177, 137, 112, 36518, 26411, 297, 151, 219, 40303, 218]],
    // It has no token for U+0004, and none for </s>.
    ['a\u0004b <reponame></s>', [81, 82, 216, 4, 9617, 99, 46]],
  ])('encodes %j', (text, ids) => {
    expect(smollm.tokenizer.encode(text)).toEqual(ids)
    expect(smollm.tokenizer.decode(ids)).toBe(text.replace('\u0004', ''))
  })

  it('knows its template and its three end tokens', () => {
    const { tokenizer, chatTemplate } = smollm
    expect(smollm).toMatchObject({ endIds: [2, 0, 4], bosId: 1 })
    expect(chatTemplate?.render([{ role: 'user', content: 'hi' }])).toMatch(/^<\|im_start\|>system\n.*<\|im_start\|>assistant\n$/s)
    expect(tokenizer.encode('a', { addSpecial: true })).toEqual(tokenizer.encode('a'))
  })
})
