import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { CheckpointError } from '../../../src/engine/errors.ts'
import { readHeader } from '../../../src/engine/gguf/header.ts'
import { valueTypes } from '../../../src/engine/gguf/types.ts'
import { seededRandom } from '../../../src/random.ts'
import { temporaryFolder } from '../checkpoint/build.ts'
import { mutatedGguf } from './mutate.ts'
import { encode, type Parts, text, tinyParts, valueBytes } from './tiny.ts'

const file = path.join(temporaryFolder(), 'hostile.gguf')

function refusal(bytes: Uint8Array): string {
  writeFileSync(file, bytes)
  try {
    readHeader(file)
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError)
    return (error as Error).message
  }
  throw new Error('was read')
}

const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer)
const u64 = (value: bigint) => Buffer.from(BigUint64Array.of(value).buffer)
const withKey = (key: string, value: Buffer): Parts => ({
  ...tinyParts(),
  keys: [
    ['general.name', valueBytes('x')],
    [key, value],
  ],
})
const withTensor = (i: number, change: Partial<Parts['tensors'][number]>): Parts => {
  const parts = tinyParts()
  return { ...parts, tensors: parts.tensors.map((entry, at) => (at === i ? { ...entry, ...change } : entry)) }
}

describe('a file that lies is refused by file and field', () => {
  const sound = encode(tinyParts())
  it.each<[string, () => Uint8Array]>([
    ['expected a GGUF file, found an empty file', () => Buffer.alloc(0)],
    ['expected a GGUF file, found a file of 10 bytes', () => sound.subarray(0, 10)],
    ['expected a GGUF file, found other bytes at its beginning', () => Buffer.concat([Buffer.from('GGML'), sound.subarray(4)])],
    ['version: expected version 2 or 3, little endian, found version 1', () => encode({ ...tinyParts(), version: 1 })],
    ['version: expected version 2 or 3, little endian, found a big-endian file', () => encode({ ...tinyParts(), version: 0x03000000 })],
    ['tensor_count: expected a number of tensors of at most', () => encode({ ...tinyParts(), tensorCount: 2n ** 60n })],
    ['metadata_kv_count: expected a number of keys of at most', () => encode({ ...tinyParts(), keyCount: 2n ** 64n - 1n })],
    [
      'a.b: expected a text of at most 16777216, found 1152921504606846976',
      () => encode(withKey('a.b', Buffer.concat([u32(8), u64(2n ** 60n)]))),
    ],
    [
      'a.b: expected UTF-8 text, found bytes that are not',
      () => encode(withKey('a.b', Buffer.concat([u32(8), text(Uint8Array.of(0xff))]))),
    ],
    [
      'a.b: expected 1073741824 entries of at least 4 bytes',
      () => encode(withKey('a.b', Buffer.concat([u32(9), u32(valueTypes.float32), u64(2n ** 30n)]))),
    ],
    ['a.b: expected an array of texts or numbers', () => encode(withKey('a.b', Buffer.concat([u32(9), u32(9), u64(1n), u32(0), u64(0n)])))],
    ['a.b: expected a type of value, 0 to 12, found 99', () => encode(withKey('a.b', u32(99)))],
    ['a.b: expected a bool, 0 or 1, found 2', () => encode(withKey('a.b', Buffer.concat([u32(7), Buffer.of(2)])))],
    ['general.name: expected every key once, found it twice', () => encode(withKey('general.name', valueBytes('y')))],
    ['general.alignment: expected a power of 2', () => encode(withKey('general.alignment', valueBytes(0)))],
    ['general.alignment: expected a power of 2', () => encode(withKey('general.alignment', valueBytes(48)))],
    ['expected every tensor once, found it twice', () => encode(withTensor(1, { name: 'token_embd.weight' }))],
    ['expected 1 to 4 sizes, found 5', () => encode(withTensor(1, { sizes: [1, 1, 1, 1, 1] }))],
    ['expected a size of at most', () => encode(withTensor(1, { sizes: [32n, 2n ** 60n] }))],
    ['expected sizes above 0', () => encode(withTensor(1, { sizes: [0, 32] }))],
    ['expected sizes above 0', () => encode(withTensor(1, { sizes: [2 ** 30, 2 ** 30, 2 ** 30] }))],
    ['expected rows of whole blocks of 256 (Q4_K), found rows of 32', () => encode(withTensor(1, { type: 12 }))],
    ['offset: expected 33280, behind the tensor before it, found 0', () => encode(withTensor(1, { offset: 0 }))],
    ['offset: expected 33280, behind the tensor before it, found 33281', () => encode(withTensor(1, { offset: 33281 }))],
    ['expected an offset in the file, found 1152921504606846976', () => encode(withTensor(1, { offset: 2n ** 60n }))],
    ['It is cut: fetch it again.', () => sound.subarray(0, sound.length - 100)],
    [
      'expected the end of the file behind the last tensor, found 100 bytes more',
      () => encode({ ...tinyParts(), rest: new Uint8Array(100) }),
    ],
  ])('%s', (message, bytes) => {
    const said = refusal(bytes())
    expect(said.startsWith(`${file}: `)).toBe(true)
    expect(said).toContain(message)
  })

  it('keeps the mark at the beginning of a text, which a reader of files takes away', () => {
    writeFileSync(file, encode(withKey('a.b', valueBytes(['\ufeff', '\ufeffa']))))
    expect(readHeader(file).metadata.strings('a.b')).toEqual(['\ufeff', '\ufeffa'])
  })

  it('whatever else is wrong with it', async () => {
    // npm run torture -- --only gguf has 2,000 of them.
    const random = seededRandom(18)
    let opened = 0
    for (let i = 0; i < 150; i++) {
      const { how, bytes } = mutatedGguf(random)
      writeFileSync(file, bytes)
      try {
        const { weights, tokenizer } = await openCheckpoint(file)
        const reader = await weights.open()
        for (const { name, shape } of weights.specs) expect((await reader.read(name)).length).toBe(shape.reduce((a, b) => a * b))
        await reader.close()
        tokenizer!.decode(tokenizer!.encode('the 12'))
        opened++
      } catch (error) {
        expect(error, how).toBeInstanceOf(CheckpointError)
        expect((error as Error).message, how).toContain(file)
      }
    }
    expect(opened).toBeLessThan(75)
  })
})
