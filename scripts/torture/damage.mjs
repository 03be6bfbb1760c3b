// Damage to the files of a folder, chosen by a seed: what disks, copies and editors do to bytes, and values that a check may forget.

import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { damageBytes, oddValues, replaceValues } from '../../test/engine/checkpoint/damage.ts'
import { rawSafetensors, splitSafetensors } from '../../test/engine/checkpoint/tiny.ts'

const below = (random, n) => Math.floor(random() * n)

/** Each changes the bytes of a file; `other` is a file of the same kind from elsewhere. */
const BYTES = {
  'flipped bits': (bytes, random) => {
    const copy = Buffer.from(bytes)
    for (let flips = 1 + below(random, 4); flips > 0; flips--) copy[below(random, copy.length)] ^= 1 << below(random, 8)
    return copy
  },
  'changed bytes': (bytes, random) => damageBytes(bytes, [{ kind: 'change', at: random(), value: below(random, 256) }]),
  'a byte more': (bytes, random) => damageBytes(bytes, [{ kind: 'insert', at: random(), value: below(random, 256) }]),
  'cut off': (bytes, random) => damageBytes(bytes, [{ kind: 'cut', at: random(), value: 0 }]),
  'a page of zeros': (bytes, random) => {
    const start = below(random, bytes.length) & ~511
    return Buffer.concat([bytes.subarray(0, start), Buffer.alloc(Math.min(512, bytes.length - start)), bytes.subarray(start + 512)])
  },
  'half of it twice': (bytes) =>
    Buffer.concat([bytes.subarray(0, bytes.length >> 1), bytes.subarray(0, bytes.length - (bytes.length >> 1))]),
  'an older file': (_, __, other) => other,
  'an empty file': () => Buffer.alloc(0),
  'no file': () => undefined,
}

/** Damages one file as a disk would; says how. `older`: the folder of another state of the same run. */
export function damageFile(folder, file, random, older) {
  const names = Object.keys(BYTES)
  const how = names[below(random, names.length)]
  const place = path.join(folder, file)
  const original = readFileSync(place)
  // Half of all damage to weights goes into the header, where it matters most.
  const header = file.endsWith('.safetensors') && random() < 0.5 ? Number(original.readBigUInt64LE(0)) + 8 : undefined
  const other = older !== undefined && existsSync(path.join(older, file)) ? readFileSync(path.join(older, file)) : original
  const part = header === undefined ? original : original.subarray(0, header)
  const changed = BYTES[how](part, random, header === undefined ? other : other.subarray(0, header))
  const bytes = changed && header !== undefined ? Buffer.concat([changed, original.subarray(header)]) : changed
  if (bytes === undefined) rmSync(place)
  else writeFileSync(place, bytes)
  return { how, same: bytes?.equals(original) ?? false }
}

/** Puts odd values into the JSON of a file, or into the header of a safetensors file. */
export function damageValues(folder, file, random) {
  const place = path.join(folder, file)
  const changes = Array.from({ length: 1 + below(random, 2) }, () => ({ at: random(), value: oddValue(random) }))
  if (file.endsWith('.safetensors')) {
    const { header, data } = splitSafetensors(place)
    replaceValues(header, changes)
    writeFileSync(place, rawSafetensors(jsonText(header), data))
  } else {
    const json = JSON.parse(readFileSync(place, 'utf8'))
    // Nine of ten places of a tokenizer are words; its rules are what should be hit.
    const words = json.model?.vocab
    if (words !== undefined && random() < 0.9) delete json.model.vocab
    replaceValues(json, changes)
    if (words !== undefined && typeof json.model === 'object' && json.model !== null && !Array.isArray(json.model))
      json.model.vocab ??= words
    writeFileSync(place, jsonText(json))
  }
}

function oddValue(random) {
  const kind = random()
  if (kind < 0.1) return undefined
  if (kind < 0.15) return `@nested ${1 + below(random, 20_000)}@`
  if (kind < 0.3) return Math.round((random() - 0.5) * 2 ** below(random, 54))
  if (kind < 0.4) return String.fromCharCode(...Array.from({ length: below(random, 20) }, () => below(random, 2 ** 16)))
  return oddValues[below(random, oddValues.length)]
}

/** Deep lists are written as text: what copies or writes a value would overflow first. */
const NESTED = /"@nested (\d+)@"/g

function jsonText(value) {
  return JSON.stringify(value).replace(NESTED, (_, depth) => '['.repeat(depth) + ']'.repeat(depth))
}

/** Puts a file back. */
export function restore(from, to, file) {
  const temporary = `${path.join(to, file)}.back`
  writeFileSync(temporary, readFileSync(path.join(from, file)))
  renameSync(temporary, path.join(to, file))
}
