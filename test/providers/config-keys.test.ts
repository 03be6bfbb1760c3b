import { describe, expect, it } from 'vitest'
import { checkKeys, readBoolean, readEnum, readInt, readNumber, readObject } from '../../src/config-keys.ts'
import { ConfigError } from '../../src/engine/errors.ts'

const where = 'the test config'

describe('checkKeys', () => {
  it('accepts known keys', () => {
    expect(() => checkKeys({ paths: 1, seed: 2 }, ['seed', 'paths', 'mode'], where)).not.toThrow()
  })

  it('names the nearest key, or all of them', () => {
    expect(() => checkKeys({ pathes: 1 }, ['seed', 'paths'], where)).toThrow(
      new ConfigError('Unknown key "pathes" in the test config. Did you mean "paths"?'),
    )
    expect(() => checkKeys({ color: 1 }, ['seed', 'paths'], where)).toThrow('Known keys: seed, paths.')
  })
})

describe('readers', () => {
  it('return the fallback for what is absent', () => {
    expect(readInt({}, 'n', 3, where)).toBe(3)
    expect(readInt({ n: null }, 'n', undefined, where)).toBeUndefined()
    expect(readNumber({}, 'x', 0.5, where)).toBe(0.5)
    expect(readEnum({}, 'e', 'a', where, ['a', 'b'])).toBe('a')
    expect(readBoolean({}, 'b', true, where)).toBe(true)
  })

  it('read values, also as the text that {{env.X}} renders to', () => {
    expect(readInt({ n: '12' }, 'n', 3, where)).toBe(12)
    expect(readNumber({ x: '0.7' }, 'x', 1, where)).toBe(0.7)
    expect(readBoolean({ b: 'false' }, 'b', true, where)).toBe(false)
    expect(readEnum({ e: 'b' }, 'e', 'a', where, ['a', 'b'])).toBe('b')
  })

  it.each([
    [() => readInt({ n: 1.5 }, 'n', 3, where), '"n" in the test config must be an integer. Got 1.5.'],
    [() => readInt({ n: 0 }, 'n', 3, where, { min: 1, max: 16 }), 'must be an integer from 1 to 16. Got 0.'],
    [() => readInt({ n: 'many' }, 'n', 3, where), 'Got "many".'],
    [() => readInt({ n: true }, 'n', 3, where), 'Got true.'],
    [() => readInt({ n: 2 ** 60 }, 'n', 3, where), 'must be an integer'],
    [() => readNumber({ x: Number.NaN }, 'x', 1, where), 'Got NaN.'],
    [() => readNumber({ x: 0 }, 'x', 1, where, { above: 0 }), 'must be a number above 0. Got 0.'],
    [() => readEnum({ e: 'paralel' }, 'e', 'parallel', where, ['parallel', 'sequential']), 'Did you mean "parallel"?'],
    [() => readBoolean({ b: 1 }, 'b', true, where), 'must be true or false. Got 1.'],
    [() => readObject(['a'], where), 'the test config must be a mapping'],
  ])('refuse a wrong value with what, the value and the next step (%#)', (read, message) => {
    expect(read).toThrow(ConfigError)
    expect(read).toThrow(message)
  })
})
