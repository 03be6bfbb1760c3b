/** Damage to files, applied as a generator chose it: by fast-check in fuzz.test.ts, by a seed in `npm run torture`. */

export interface ByteDamage {
  kind: 'change' | 'insert' | 'cut'
  /** Where, from 0 to 1. */
  at: number
  /** The new byte. */
  value: number
}

/** A copy with the damage in its first `reach` bytes. */
export function damageBytes(original: Buffer, damage: readonly ByteDamage[], reach = Number.POSITIVE_INFINITY): Buffer {
  let bytes = Buffer.from(original)
  for (const { kind, at, value } of damage) {
    const i = Math.floor(at * Math.min(reach, bytes.length))
    if (kind === 'cut') bytes = bytes.subarray(0, i)
    else bytes = Buffer.concat([bytes.subarray(0, i), Buffer.of(value), bytes.subarray(kind === 'change' ? i + 1 : i)])
  }
  return bytes
}

/** Values that a check may forget. */
export const oddValues: unknown[] = [
  null,
  ...[-1, 0, 0.5, 2 ** 31, 2 ** 53, 1e308],
  ...['', '__proto__', '\ud800', true],
  ...[[], {}, [[]], [0, 0]],
]

/** Every place in a JSON value, as the object that holds it and the key. */
function places(json: unknown): [Record<string, unknown>, string][] {
  if (typeof json !== 'object' || json === null) return []
  const holder = json as Record<string, unknown>
  return Object.keys(holder).flatMap((key) => [[holder, key] as [Record<string, unknown>, string], ...places(holder[key])])
}

/** Puts each value in the place of another (`at` from 0 to 1), or removes what stands there where it is undefined. */
export function replaceValues(json: unknown, changes: readonly { at: number; value: unknown }[]): void {
  for (const { at, value } of changes) {
    const all = places(json)
    if (all.length === 0) return
    const [holder, key] = all[Math.floor(at * all.length)]
    if (value === undefined) delete holder[key]
    else holder[key] = structuredClone(value)
  }
}
