import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { dequantize, firstNotFinite } from '../../../src/engine/gguf/dequantize.ts'
import { type BlockType, blockTypeNames, blockTypes } from '../../../src/engine/gguf/types.ts'

/** Made by test/fixtures/make_gguf_blocks.py with gguf 0.19.0. */
const cases: Record<BlockType, { blocks: string; numbers: string }> = JSON.parse(
  readFileSync(new URL('../../fixtures/gguf-blocks.json', import.meta.url), 'utf8'),
)
const blocksOf = (type: BlockType) => new Uint8Array(Buffer.from(cases[type].blocks, 'base64'))

describe('blocks as float32', () => {
  it.each(blockTypeNames)('%s: bit for bit what gguf makes of them', (type) => {
    const blocks = blocksOf(type)
    const expected = new Uint32Array(new Uint8Array(Buffer.from(cases[type].numbers, 'base64')).buffer)
    // Not at a multiple of 4, as a part of a larger buffer may lie.
    const shifted = new Uint8Array(blocks.length + 1)
    shifted.set(blocks, 1)
    for (const bytes of [blocks, shifted.subarray(1)]) {
      const numbers = new Float32Array(expected.length)
      dequantize(type, bytes, numbers)
      expect(new Uint32Array(numbers.buffer)).toEqual(expected)
      expect(firstNotFinite(type, bytes)).toBe(-1)
    }
  })

  it.each(blockTypeNames)('%s: a scale that is not finite is found by its block', (type) => {
    const { elements, bytes: size } = blockTypes[type]
    const blocks = blocksOf(type)
    // The last two bytes of a number, or the scale of a block: all bits of its exponent.
    const scaleEnd = type === 'Q6_K' ? 210 : 2
    const end = size + (elements === 1 ? size : scaleEnd)
    blocks[end - 2] |= 0xff
    blocks[end - 1] |= 0x7f
    expect(firstNotFinite(type, blocks.subarray(0, 2 * size))).toBe(elements)
  })
})
