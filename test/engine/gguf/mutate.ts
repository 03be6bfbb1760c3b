import { type GgufValue, valueTypes } from '../../../src/engine/gguf/types.ts'
import { type Entry, encode, type Parts, text, tinyBlocks, tinyKeys, tinyLlama, valueBytes } from './tiny.ts'

/** GGUF files that are cut, padded or lie, one for each seed. Knows nothing of vitest: `npm run torture` uses it too. */

const huge = [2n ** 31n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 60n, 2n ** 63n, 2n ** 64n - 1n]

type Random = () => number
const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)]
const oddCount = (random: Random, right: number): number | bigint => pick(random, [0, 1, right - 1, right + 1, right * 2, ...huge])

const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer)
const u64 = (value: number | bigint) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer)

/** Values of metadata that no reader should believe; bytes with their type before them. */
const lies: ((random: Random) => Buffer)[] = [
  (random) => Buffer.concat([u32(valueTypes.string), u64(pick(random, huge))]),
  (random) => Buffer.concat([u32(valueTypes.array), u32(valueTypes.uint8), u64(pick(random, huge))]),
  (random) => Buffer.concat([u32(valueTypes.array), u32(valueTypes.string), u64(oddCount(random, 2)), text('a'), text('b')]),
  () => Buffer.concat([u32(valueTypes.array), u32(valueTypes.array), u64(1), u32(valueTypes.uint8), u64(1), Buffer.of(1)]),
  (random) => Buffer.concat([u32(13 + Math.floor(random() * 300)), u64(0)]),
  () => Buffer.concat([u32(valueTypes.string), text(Uint8Array.of(0xff, 0xfe, 0xc0))]),
  () => Buffer.concat([u32(valueTypes.bool), Buffer.of(7)]),
  (random) => Buffer.concat([u32(valueTypes.int64), u64(pick(random, huge))]),
]

const oddValues: readonly GgufValue[] = [
  ...[0, 1, 3, 0.5, -0.5, 4294967295, 2n ** 60n, true, '', '__proto__', 'llama', [], ['<|end|>', '<|end|>']],
  ...[Int32Array.of(), Int32Array.of(-1, 5), Float32Array.of(Number.NaN, 1), Number.NaN, Number.POSITIVE_INFINITY],
]

const mutations: Record<string, (parts: Parts, random: Random) => Parts> = {
  'a lying key': ({ keys, ...rest }, random) => ({ ...rest, keys: replaced(keys, random, ([key]) => [key, pick(random, lies)(random)]) }),
  'another value': ({ keys, ...rest }, random) => ({
    ...rest,
    keys: replaced(keys, random, ([key]) => [key, valueBytes(pick(random, oddValues))]),
  }),
  'no key': ({ keys, ...rest }, random) => ({ ...rest, keys: without(keys, random) }),
  'a key twice': ({ keys, ...rest }, random) => ({ ...rest, keys: [...keys, pick(random, keys)] }),
  'an alignment': ({ keys, ...rest }, random) => ({
    ...rest,
    keys: [...keys, ['general.alignment', valueBytes(pick(random, [0, 1, 7, 64, 2 ** 31, 2n ** 60n, 'x', 32.5]))]],
  }),
  'a number of keys': (parts, random) => ({ ...parts, keyCount: oddCount(random, parts.keys.length) }),
  'a number of tensors': (parts, random) => ({ ...parts, tensorCount: oddCount(random, parts.tensors.length) }),
  'a version': (parts, random) => ({ ...parts, version: pick(random, [0, 1, 2, 4, 0x03000000, 4294967295]) }),
  sizes: ({ tensors, ...rest }, random) => ({
    ...rest,
    tensors: replaced(tensors, random, (entry) => ({ ...entry, sizes: oddSizes(entry, random) })),
  }),
  'an offset': ({ tensors, ...rest }, random) => ({
    ...rest,
    tensors: replaced(tensors, random, (entry) => ({ ...entry, offset: pick(random, [0, 1, 31, 32, 4096, ...huge]) })),
  }),
  'a type of tensor': ({ tensors, ...rest }, random) => ({
    ...rest,
    tensors: replaced(tensors, random, (entry) => ({ ...entry, type: Math.floor(random() * 45) })),
  }),
  'a name of a tensor': ({ tensors, ...rest }, random) => ({
    ...rest,
    tensors: replaced(tensors, random, (entry) => ({
      ...entry,
      name: pick(random, [pick(random, tensors).name, '', 'x'.repeat(80), '__proto__', 'blk.9999.attn_q.weight', `${entry.name}.weight`]),
    })),
  }),
  'no tensor': ({ tensors, ...rest }, random) => ({ ...rest, tensors: without(tensors, random) }),
  'bytes at the end': (parts, random) => ({ ...parts, rest: new Uint8Array(1 + Math.floor(random() * 5000)) }),
}

function oddSizes({ sizes }: Entry, random: Random): (number | bigint)[] {
  const count = pick(random, [0, 1, sizes.length, sizes.length, sizes.length, 5, 40])
  return Array.from({ length: count }, (_, i) => (random() < 0.5 ? (sizes[i] ?? 1) : oddCount(random, Number(sizes[i] ?? 1))))
}

function replaced<T>(list: readonly T[], random: Random, change: (one: T) => T): T[] {
  const at = Math.floor(random() * list.length)
  return list.map((one, i) => (i === at ? change(one) : one))
}

function without<T>(list: readonly T[], random: Random): T[] {
  const at = Math.floor(random() * list.length)
  return list.filter((_, i) => i !== at)
}

/** Changes of the bytes of a whole file, as a disk or a broken download makes them. */
const damage: Record<string, (bytes: Buffer, random: Random) => Buffer> = {
  'cut off': (bytes, random) => bytes.subarray(0, Math.floor(random() * bytes.length)),
  'cut in its header': (bytes, random) => bytes.subarray(0, Math.floor(random() * 9000)),
  'flipped bits': (bytes, random) => {
    const copy = Buffer.from(bytes)
    // The header is a fifth of the file, and where it matters.
    for (let flips = 1 + Math.floor(random() * 4); flips > 0; flips--)
      copy[Math.floor(random() * (random() < 0.8 ? 9000 : copy.length))] ^= 1 << Math.floor(random() * 8)
    return copy
  },
  'a byte more': (bytes, random) => {
    const at = Math.floor(random() * bytes.length)
    return Buffer.concat([bytes.subarray(0, at), Buffer.of(Math.floor(random() * 256)), bytes.subarray(at)])
  },
}

export const mutationNames = [...Object.keys(mutations), ...Object.keys(damage)]

let sound: Parts | undefined

/** The file of a seed's random numbers, and what is wrong with it. */
export function mutatedGguf(random: Random): { how: string; bytes: Buffer } {
  sound ??= { ...tinyBlocks('Q8_0'), keys: tinyKeys(tinyLlama, { 'tokenizer.chat_template': '{{ messages[0].content }}' }) }
  const how = pick(random, mutationNames)
  return { how, bytes: how in damage ? damage[how](encode(sound), random) : encode(mutations[how](sound, random)) }
}
