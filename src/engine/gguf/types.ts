/**
 * What a GGUF file is made of (github.com/ggml-org/ggml/blob/master/docs/gguf.md): types of tensors, stored in blocks of numbers along
 * a row, and types of metadata. Numbers are little endian.
 */

interface BlockLayout {
  /** As it stands in a tensor's entry. */
  id: number
  /** Numbers of a block; 1: each stands alone. */
  elements: number
  /** Bytes of a block. */
  bytes: number
}

/** The tensor types that are read. A row holds whole blocks. */
export const blockTypes = {
  F32: { id: 0, elements: 1, bytes: 4 },
  F16: { id: 1, elements: 1, bytes: 2 },
  BF16: { id: 30, elements: 1, bytes: 2 },
  Q8_0: { id: 8, elements: 32, bytes: 34 },
  Q4_0: { id: 2, elements: 32, bytes: 18 },
  Q4_1: { id: 3, elements: 32, bytes: 20 },
  Q5_0: { id: 6, elements: 32, bytes: 22 },
  Q5_1: { id: 7, elements: 32, bytes: 24 },
  Q4_K: { id: 12, elements: 256, bytes: 144 },
  Q5_K: { id: 13, elements: 256, bytes: 176 },
  Q6_K: { id: 14, elements: 256, bytes: 210 },
} as const satisfies Record<string, BlockLayout>

export type BlockType = keyof typeof blockTypes

export const blockTypeNames = Object.keys(blockTypes) as readonly BlockType[]

/** Rows of a tensor as they are stored: row by row, blocks along it. */
export interface Blocks {
  type: BlockType
  bytes: Uint8Array
}

/** The types of ggml that are not read, for messages. */
const otherTypes: Readonly<Record<number, string>> = {
  ...{ 4: 'Q4_2', 5: 'Q4_3', 9: 'Q8_1', 10: 'Q2_K', 11: 'Q3_K', 15: 'Q8_K', 16: 'IQ2_XXS', 17: 'IQ2_XS', 18: 'IQ3_XXS', 19: 'IQ1_S' },
  ...{ 20: 'IQ4_NL', 21: 'IQ3_S', 22: 'IQ2_S', 23: 'IQ4_XS', 24: 'I8', 25: 'I16', 26: 'I32', 27: 'I64', 28: 'F64', 29: 'IQ1_M' },
  ...{ 31: 'Q4_0_4_4', 32: 'Q4_0_4_8', 33: 'Q4_0_8_8', 34: 'TQ1_0', 35: 'TQ2_0', 39: 'MXFP4', 40: 'NVFP4', 41: 'Q1_0' },
}

const typeOfId = new Map(blockTypeNames.map((name) => [blockTypes[name].id as number, name]))

/** The type of this id, undefined where it is not read. */
export function blockType(id: number): BlockType | undefined {
  return typeOfId.get(id)
}

/** What a message calls the type of this id: `IQ4_NL`, or `type 77`. */
export function typeLabel(id: number): string {
  return typeOfId.get(id) ?? otherTypes[id] ?? `type ${id}`
}

/** Bytes of so many numbers, whole blocks of them. */
export function blockBytes(type: BlockType, elements: number): number {
  const layout = blockTypes[type]
  return (elements / layout.elements) * layout.bytes
}

/** Types of metadata by their name here. */
export const valueTypes = {
  ...{ uint8: 0, int8: 1, uint16: 2, int16: 3, uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 },
  ...{ uint64: 10, int64: 11, float64: 12 },
} as const

export type ValueType = keyof typeof valueTypes

/** Numbers of an array keep their width; bool: a Uint8Array of 0 and 1. */
type NumberArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float32Array
  | Float64Array

/** 64-bit integers are numbers where they are safe ones. */
export type GgufValue = number | bigint | boolean | string | readonly string[] | NumberArray
