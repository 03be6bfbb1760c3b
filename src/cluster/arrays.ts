/** Numbers on their way between processes: typed arrays as the payload of a frame, their names and sizes in its header. Little-endian, as every machine that the engine runs on. */

import { ClusterError } from './errors.ts'

const TYPES = { Float32Array, Int32Array, Uint8Array } as const
type TypeName = keyof typeof TYPES
type Numbers = Float32Array | Int32Array | Uint8Array

export interface ArrayNote {
  name: string
  type: TypeName
  length: number
}

/** So that any of the types may be viewed in place. */
const ALIGNMENT = 8

/** Absent arrays are left out. */
export function packArrays(arrays: Readonly<Record<string, Numbers | undefined>>): { notes: ArrayNote[]; payload: Uint8Array[] } {
  const notes: ArrayNote[] = []
  const payload: Uint8Array[] = []
  for (const [name, array] of Object.entries(arrays)) {
    if (!array) continue
    notes.push({ name, type: array.constructor.name as TypeName, length: array.length })
    payload.push(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    const rest = array.byteLength % ALIGNMENT
    if (rest > 0) payload.push(new Uint8Array(ALIGNMENT - rest))
  }
  return { notes, payload }
}

/** Copies, which their reader may keep. Throws ClusterError where the payload is not what the notes say. */
export function unpackArrays(notes: readonly ArrayNote[], payload: Uint8Array): Record<string, Numbers> {
  const arrays: Record<string, Numbers> = {}
  let at = 0
  for (const { name, type, length } of notes) {
    const Type = TYPES[type]
    const bytes = length * Type.BYTES_PER_ELEMENT
    if (at + bytes > payload.length)
      throw new ClusterError(`A message is too short. Got ${payload.length} bytes, and ${name} needs ${at + bytes}.`)
    const array = new Type(length)
    new Uint8Array(array.buffer).set(payload.subarray(at, at + bytes))
    arrays[name] = array
    at += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
  }
  return arrays
}

/** The payload of a frame as numbers, in place. Throws ClusterError where it is none. */
export function numbersOf({ buffer, byteOffset, byteLength }: Uint8Array): Float32Array {
  if (byteLength % 4 > 0 || byteOffset % 4 > 0)
    throw new ClusterError(`Float32 numbers have four bytes each. Got ${byteLength} from byte ${byteOffset} on.`)
  return new Float32Array(buffer, byteOffset, byteLength / 4)
}
