import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openSafetensors, openSafetensorsFile, type TensorToWrite, writeSafetensors } from '../../../src/engine/checkpoint/safetensors.ts'
import { CheckpointError } from '../../../src/engine/errors.ts'
import { type Header, rawSafetensors, splitSafetensors, temporaryFolder } from './build.ts'

const bitsOf = (floats: Float32Array) => new Uint32Array(floats.buffer, floats.byteOffset, floats.length)

const finite = fc.float({ noNaN: true, noDefaultInfinity: true })

const tensorLists: fc.Arbitrary<TensorToWrite[]> = fc
  .uniqueArray(
    fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', '"\\', 'é\u2028')).filter((name) => name !== '__metadata__'),
    { maxLength: 5 },
  )
  .chain((names) =>
    fc.tuple(
      ...names.map((name) =>
        fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }).chain((shape) => {
          const length = shape.reduce((a, b) => a * b, 1)
          return fc
            .float32Array({ minLength: length, maxLength: length, noNaN: true, noDefaultInfinity: true })
            .map((data) => ({ name, shape, data }))
        }),
      ),
    ),
  )

describe('writeSafetensors and openSafetensorsFile', () => {
  it('give every list of tensors back bit for bit', async () => {
    const folder = temporaryFolder()
    let n = 0
    await fc.assert(
      fc.asyncProperty(tensorLists, async (tensors) => {
        const file = path.join(folder, `${n++}.safetensors`)
        await writeSafetensors(file, tensors, 'float32')
        const source = await openSafetensorsFile(file)
        expect([...source.tensors.keys()].sort()).toEqual(tensors.map(({ name }) => name).sort())
        for (const { name, shape, data } of tensors) {
          expect(source.tensors.get(name)?.shape).toEqual(shape)
          expect(bitsOf(await source.read(name))).toEqual(bitsOf(data as Float32Array))
        }
        await source.close()
      }),
      { numRuns: 60 },
    )
  })

  it('round to bfloat16 when asked', async () => {
    const folder = temporaryFolder()
    let n = 0
    await fc.assert(
      fc.asyncProperty(fc.array(finite), async (numbers) => {
        const data = Float32Array.from(numbers, (x) => (Math.abs(x) > 3.38e38 ? 0 : x))
        const file = path.join(folder, `${n++}.safetensors`)
        await writeSafetensors(file, [{ name: 'x', shape: [data.length], data }], 'bfloat16')
        const source = await openSafetensorsFile(file)
        const back = await source.read('x')
        await source.close()
        for (const [i, x] of data.entries()) expect(Math.abs(back[i] - x)).toBeLessThanOrEqual(Math.max(Math.abs(x) * 2 ** -8, 2 ** -134))
      }),
      { numRuns: 40 },
    )
  })

  it('reads tensors longer than one piece, of each dtype', async () => {
    const folder = temporaryFolder()
    const length = 2 ** 22 + 3
    const data = Float32Array.from({ length }, (_, i) => i % 251)
    for (const dtype of ['float32', 'bfloat16'] as const) {
      const file = path.join(folder, `${dtype}.safetensors`)
      await writeSafetensors(file, [{ name: 'x', shape: [length], data: () => data }], dtype)
      const source = await openSafetensorsFile(file)
      expect(Buffer.compare(Buffer.from((await source.read('x')).buffer), Buffer.from(data.buffer))).toBe(0)
      await source.close()
    }
  })

  it('writes what the format asks for', async () => {
    const file = path.join(temporaryFolder(), 'x.safetensors')
    await writeSafetensors(file, [{ name: 'a', shape: [3], data: Float32Array.of(1, 2, 3) }], 'bfloat16')
    const bytes = readFileSync(file)
    const { header, data } = splitSafetensors(file)
    expect(header).toEqual({ __metadata__: { format: 'pt' }, a: { dtype: 'BF16', shape: [3], data_offsets: [0, 6] } })
    // The checksum, which the reader above leaves out, computed from what the file holds.
    const checksum = crc32(Buffer.concat([Buffer.from('a\0BF16\x003\0'), data]))
      .toString(16)
      .padStart(8, '0')
    expect(bytes.toString('latin1')).toContain(`"writer":"parallel-r1","crc32":"${checksum}"}`)
    expect((bytes.length - data.length) % 8).toBe(0)
    expect([...data]).toEqual([0x80, 0x3f, 0x00, 0x40, 0x40, 0x40])
  })

  it('reads float16', async () => {
    const file = path.join(temporaryFolder(), 'x.safetensors')
    const header = { x: { dtype: 'F16', shape: [2, 2], data_offsets: [0, 8] } }
    writeFileSync(file, rawSafetensors(header, Uint8Array.of(0x00, 0x3c, 0x01, 0x00, 0xff, 0x7b, 0x00, 0xc0)))
    const source = await openSafetensorsFile(file)
    expect([...(await source.read('x'))]).toEqual([1, 2 ** -24, 65504, -2])
    await source.close()
  })

  // By safetensors 0.8, which reads each of these files.
  it.each([
    ['F4', 4, 2],
    ['F6_E2M3', 4, 3],
    ['F6_E3M2', 4, 3],
    ['F8_E8M0', 3, 3],
    ['F8_E4M3FNUZ', 3, 3],
    ['F8_E5M2FNUZ', 3, 3],
    ['C64', 2, 16],
  ])('knows the size of %s, and refuses it as a weight by name', async (dtype, count, bytes) => {
    const file = path.join(temporaryFolder(), 'x.safetensors')
    const header = { __metadata__: null, x: { dtype, shape: [count], data_offsets: [0, bytes] } }
    writeFileSync(file, rawSafetensors(header, new Uint8Array(bytes)))
    const source = await openSafetensorsFile(file)
    await expect(source.read('x')).rejects.toThrow(`dtype: expected F32, BF16 or F16, found ${dtype}`)
    await source.close()
  })

  it('refuses numbers that end within a byte', async () => {
    const file = path.join(temporaryFolder(), 'x.safetensors')
    writeFileSync(file, rawSafetensors({ x: { dtype: 'F4', shape: [3], data_offsets: [0, 2] } }, new Uint8Array(2)))
    await expect(openSafetensorsFile(file)).rejects.toThrow('shape: expected a number of F4 that fills its last byte, found [3]')
  })

  it.each([
    ['NaN', [1, Number.NaN], 'float32', 'NaN at index 1'],
    ['infinity', [Number.NEGATIVE_INFINITY], 'float32', '-Infinity at index 0'],
    ['a value that bfloat16 cannot hold', [0, 3.4e38], 'bfloat16', 'at index 1'],
  ] as const)('refuse to write %s', async (_, numbers, dtype, found) => {
    const file = path.join(temporaryFolder(), 'x.safetensors')
    const write = writeSafetensors(file, [{ name: 'w', shape: [numbers.length], data: Float32Array.from(numbers) }], dtype)
    await expect(write).rejects.toThrow(CheckpointError)
    await expect(write).rejects.toThrow(new RegExp(`tensor "w": expected finite numbers in ${dtype}, found .*${found}`))
  })

  it('refuse data of the wrong length and a name twice', async () => {
    const folder = temporaryFolder()
    const data = Float32Array.of(1, 2)
    await expect(writeSafetensors(path.join(folder, 'a'), [{ name: 'w', shape: [3], data }], 'float32')).rejects.toThrow(
      'tensor "w": expected 3 numbers (shape [3]), found 2',
    )
    const twice = { name: 'w', shape: [2], data }
    await expect(writeSafetensors(path.join(folder, 'b'), [twice, twice], 'float32')).rejects.toThrow('every name once')
  })

  it('cannot be read after close', async () => {
    const file = path.join(temporaryFolder(), 'x.safetensors')
    await writeSafetensors(file, [{ name: 'w', shape: [1], data: Float32Array.of(1) }], 'float32')
    const source = await openSafetensorsFile(file)
    await expect(source.read('v')).rejects.toThrow('tensor "v"')
    await source.close()
    await source.close()
    await expect(source.read('w')).rejects.toThrow('closed')
  })
})

/** Three tensors without fault; each case below breaks something. */
const good: Header = {
  a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
  b: { dtype: 'BF16', shape: [2, 2], data_offsets: [8, 16] },
  c: { dtype: 'F16', shape: [], data_offsets: [16, 18] },
}
const goodData = new Uint8Array(18)
const change = (name: string, entry: unknown) => rawSafetensors({ ...good, [name]: entry }, goodData)
const u64 = (value: bigint) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}

// what is wrong, bytes of the file, parts of the message
const damaged: [string, Buffer, string[]][] = [
  ['an empty file', Buffer.alloc(0), ['an empty file']],
  ['a file of 7 bytes', Buffer.alloc(7), ['7 bytes']],
  ['header length 0', u64(0n), ['header length', 'found 0']],
  ['header length 1', Buffer.concat([u64(1n), Buffer.from('{')]), ['header length', 'found 1']],
  ['a header longer than the file', rawSafetensors(good, goodData, 100_000n), ['header length', 'found 100000']],
  ['a header of 2^63 bytes', rawSafetensors(good, goodData, 2n ** 63n), ['header length', 'found 9223372036854775808']],
  ['a header of 2^64-1 bytes', rawSafetensors(good, goodData, 2n ** 64n - 1n), ['header length', '18446744073709551615']],
  ['a header that is no JSON', rawSafetensors('{"a":'), ['JSON', 'does not parse']],
  ['a header that begins with a space', rawSafetensors(' {}'), ['begins with {', '0x20']],
  ['a header that is a list', rawSafetensors('[]'), ['begins with {', '0x5b']],
  ['a header that is not UTF-8', Buffer.concat([u64(5n), Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])]), ['UTF-8']],
  ['a header of nested brackets', rawSafetensors(`{"a":${'['.repeat(50_000)}`), ['JSON']],
  [
    'a name twice',
    rawSafetensors('{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"\\u0061":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'),
    ['"a" twice'],
  ],
  ['a key of an entry twice', rawSafetensors('{"a":{"dtype":"F32","shape":[0],"shape":[0],"data_offsets":[0,0]}}'), ['"shape" twice']],
  ['metadata that is no object', change('__metadata__', 'pt'), ['__metadata__', '"pt"']],
  ['metadata with a number', change('__metadata__', { a: 1 }), ['__metadata__', '{"a":1}']],
  ['an entry that is null', change('b', null), ['"b"', 'found null']],
  ['an entry that is a list', change('b', []), ['"b"', 'found []']],
  ['an unknown dtype', change('b', { ...good.b, dtype: 'F8' }), ['"b"', 'dtype', 'BF16', '"F8"']],
  ['dtype __proto__', change('b', { ...good.b, dtype: '__proto__' }), ['"b"', 'dtype', '"__proto__"']],
  ['dtype constructor', change('b', { ...good.b, dtype: 'constructor' }), ['"b"', 'dtype', '"constructor"']],
  ['no dtype', change('b', { shape: [4], data_offsets: [8, 16] }), ['"b"', 'dtype', 'found nothing']],
  ['a negative size', change('b', { ...good.b, shape: [-2, -2] }), ['"b"', 'shape', '[-2,-2]']],
  ['half a size', change('b', { ...good.b, shape: [0.5, 8] }), ['"b"', 'shape', '[0.5,8]']],
  ['a shape that is no list', change('b', { ...good.b, shape: { length: 2 } }), ['"b"', 'shape', '{"length":2}']],
  ['a shape that overflows', change('b', { ...good.b, shape: [2 ** 52, 2 ** 52] }), ['"b"', 'data_offsets', 'found 8 bytes']],
  ['a shape larger than its bytes', change('b', { ...good.b, shape: [5] }), ['"b"', '10 bytes (BF16 [5])', '8 bytes']],
  ['one offset', change('b', { ...good.b, data_offsets: [8] }), ['"b"', 'data_offsets', '[8]']],
  ['offsets in the wrong order', change('b', { ...good.b, data_offsets: [16, 8] }), ['"b"', 'ascending', '[16,8]']],
  ['a negative offset', change('b', { ...good.b, data_offsets: [-8, 0] }), ['"b"', 'data_offsets', '[-8,0]']],
  ['an offset as text', change('b', { ...good.b, data_offsets: ['8', '16'] }), ['"b"', 'data_offsets', '["8","16"]']],
  ['offsets beyond the file', change('b', { ...good.b, data_offsets: [18, 26] }), ['"b"', '18 bytes of data', '[18,26]']],
  ['an overlap', change('b', { ...good.b, data_offsets: [4, 12] }), ['"b"', 'byte 8', '4, which overlaps "a"']],
  ['two tensors in one place', change('d', { dtype: 'F32', shape: [2], data_offsets: [0, 8] }), ['byte 8', '0, which overlaps']],
  ['a hole', rawSafetensors({ a: good.a, c: good.c }, goodData), ['"c"', 'byte 8', '16, which leaves a hole after "a"']],
  ['a hole at the start', rawSafetensors({ b: good.b, c: good.c }, goodData), ['"b"', 'byte 0', '8, which leaves a hole after the header']],
  ['a rest at the end', rawSafetensors(good, new Uint8Array(20)), ['2 B that no tensor owns']],
  ['data without tensors', rawSafetensors({}, goodData), ['18 B that no tensor owns']],
  ['a truncated file', rawSafetensors(good, goodData).subarray(0, -1), ['"c"', '17 bytes of data', 'truncated']],
]

/** Open file handles of this process, where the system lists them. */
const openFiles = () => (existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0)

describe('a damaged safetensors file', () => {
  it('is not the one the cases start from', async () => {
    const file = path.join(temporaryFolder(), 'model.safetensors')
    writeFileSync(file, rawSafetensors(`${JSON.stringify(good)}   `, goodData))
    const source = await openSafetensorsFile(file)
    expect([...source.tensors.keys()]).toEqual(['a', 'b', 'c'])
    await source.close()
  })

  it.each(damaged)('%s is refused', async (_, bytes, parts) => {
    const folder = temporaryFolder()
    writeFileSync(path.join(folder, 'model.safetensors'), bytes)
    const handles = openFiles()
    const error = await openSafetensors(folder).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(CheckpointError)
    const text = (error as Error).message
    expect(text).toContain(path.join(folder, 'model.safetensors'))
    for (const part of ['expected', 'found', ...parts]) expect(text).toContain(part)
    expect(openFiles()).toBeLessThanOrEqual(handles)
  })

  it('with names of Object.prototype is only a file with odd names', async () => {
    const file = path.join(temporaryFolder(), 'x.safetensors')
    const entry = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
    writeFileSync(file, rawSafetensors(`{"__proto__":${entry}}`, new Uint8Array(4)))
    const source = await openSafetensorsFile(file)
    expect([...source.tensors.keys()]).toEqual(['__proto__'])
    expect([...(await source.read('__proto__'))]).toEqual([0])
    await source.close()
    expect(({} as Record<string, unknown>).dtype).toBeUndefined()
  })

  it('that shrinks after it was opened is an error', async () => {
    const file = path.join(temporaryFolder(), 'x.safetensors')
    await writeSafetensors(file, [{ name: 'w', shape: [8], data: new Float32Array(8) }], 'float32')
    const source = await openSafetensorsFile(file)
    writeFileSync(file, readFileSync(file).subarray(0, -4))
    await expect(source.read('w')).rejects.toThrow(/32 bytes at offset \d+, found the end of the file after 28/)
    await source.close()
  })
})
