import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { check } from '../../src/config/check.ts'
import { choice, flag, int, key, mapping, number, text } from '../../src/config/table.ts'
import { ConfigError } from '../../src/engine/errors.ts'

const entry = (kind: 'a' | 'b', more: z.ZodRawShape) =>
  mapping({ kind: key(z.literal(kind), 'a or b'), name: key(text(), 'its name'), ...more })

const table = mapping({
  folder: key(text(), 'where it lies'),
  count: key(int({ min: 1, max: 16 }).default(3), 'how many'),
  ratio: key(number({ above: 0 }).optional(), 'a ratio', { absent: 'none' }),
  mode: key(choice(['parallel', 'sequential']).default('parallel'), 'a mode'),
  on: key(flag().default(true), 'a switch'),
  note: key(z.string().optional(), 'may be empty'),
  inside: key(mapping({ size: key(int().default(7), 'a size') }).prefault({}), 'more'),
  parts: key(z.array(z.discriminatedUnion('kind', [entry('a', {}), entry('b', { n: key(int(), 'a number') })])).optional(), 'a list'),
})

const read = (raw: object) => check(table, { folder: 'f', ...raw }, 'the test config')

describe('check', () => {
  it('fills in defaults; null counts as absent', () => {
    const filled = { folder: 'f', count: 3, mode: 'parallel', on: true, inside: { size: 7 } }
    expect(read({})).toEqual(filled)
    expect(read({ count: null, ratio: null, mode: null, on: null, note: null, inside: { size: null } })).toEqual(filled)
  })

  it('reads values, also as the text that {{env.X}} renders to', () => {
    const raw = { count: '12', ratio: '0.7', on: 'false', note: '' }
    expect(read(raw)).toMatchObject({ count: 12, ratio: 0.7, on: false, note: '' })
  })

  it.each<[object, string]>([
    [
      { count: 1.5 },
      '"count" in the test config must be an integer from 1 to 16. Got 1.5. Correct it, or leave the key out for its default (3).',
    ],
    [{ count: 'many' }, 'Got "many".'],
    [{ count: true }, 'Got true.'],
    [{ count: 2 ** 60 }, 'must be an integer'],
    [{ ratio: 0 }, '"ratio" in the test config must be a number above 0. Got 0. Correct it, or leave the key out for its default.'],
    [{ ratio: Number.NaN }, 'Got NaN.'],
    [{ ratio: 'Infinity' }, 'must be a number'],
    [{ mode: 'paralel' }, '"mode" in the test config must be one of parallel, sequential. Got "paralel". Did you mean "parallel"?'],
    [{ mode: 'x' }, 'Use one of them.'],
    [{ on: 1 }, '"on" in the test config must be true or false. Got 1. Write one of the two without quotes.'],
    [{ folder: ' ' }, '"folder" in the test config must be text that is not empty. Got " ". Put it in quotes.'],
    [{ note: 7 }, '"note" in the test config must be text. Got 7. Put it in quotes or leave the key out.'],
    [{ folder: undefined }, '"folder" is missing in the test config: where it lies. Add it.'],
    [{ folder: null, fodler: 'f' }, 'Unknown key "fodler" in the test config. Did you mean "folder"?'],
    [{ colour: 1 }, 'Known keys: folder, count, ratio,'],
    [{ inside: 3 }, '"inside" in the test config must be a mapping of keys to values. Got 3. Write it as "key: value" lines.'],
    [{ inside: { sise: 3 } }, 'Unknown key "sise" in "inside" in the test config. Did you mean "size"?'],
    [{ parts: [{ kind: 'a', name: 'x', n: 1 }] }, 'Unknown key "n" in part "x" of the test config. Known keys: kind, name.'],
    [{ parts: [{ kind: 'b', name: 'x' }] }, '"n" is missing in part "x" of the test config: a number. Add it.'],
    [
      { parts: [{ kind: 'a', name: 'x' }, { kind: 'A' }] },
      '"kind" in part 2 of the test config must be one of a, b. Got "A". Did you mean "a"?',
    ],
    [{ parts: [{ kind: 'xyz' }] }, 'Got "xyz". Use one of them.'],
    [{ parts: [null] }, 'part 1 of the test config must be a mapping of keys to values. Got null.'],
  ])('refuses %j with what, the value and the next step', (raw, message) => {
    expect(() => read(raw)).toThrow(ConfigError)
    expect(() => read(raw)).toThrow(message)
  })

  it('refuses what is no mapping at all', () => {
    expect(() => check(table, ['a'], 'the test config')).toThrow('the test config must be a mapping of keys to values. Got ["a"].')
  })
})
