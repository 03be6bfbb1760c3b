import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { quantize, writtenTypes } from '../../../src/engine/gguf/quantize.ts'

/** By Python's gguf: make_quantized.py. */
const stored: Record<string, string> = JSON.parse(readFileSync(new URL('quantized.json', import.meta.url), 'utf8'))
const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))
const values = new Float32Array(bytesOf(stored.values).buffer)

describe('quantize', () => {
  it.each(writtenTypes)('%s is byte for byte what the gguf package of Python writes', (type) => {
    expect(quantize(type, values)).toEqual(bytesOf(type === 'F32' ? stored.values : stored[type]))
  })

  it('a block whose scale is too small for an inverse reads as zeros', () => {
    const tiny = new Float32Array(32).fill(1e-40)
    expect(quantize('Q8_0', tiny)).toEqual(new Uint8Array(34))
    expect([...quantize('Q4_0', tiny)].slice(2)).toEqual(new Array(16).fill(0x88))
  })
})
