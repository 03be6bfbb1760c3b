import { describe, expect, it } from 'vitest'
import { referenceOf } from '../../src/assertions/answer/reference.ts'
import { mathAnswer } from '../../src/assertions/math-answer.ts'
import { ConfigError } from '../../src/engine/errors.ts'

describe('references kept read', () => {
  it('are the same object until others make room', () => {
    const first = referenceOf('3/4')
    expect(referenceOf('3/4')).toBe(first)
    for (let i = 0; i < 300; i++) referenceOf(`${i}/7`)
    expect(referenceOf('3/4')).not.toBe(first)
  })

  it('keep what was used last', () => {
    const used = referenceOf('x+1')
    for (let i = 0; i < 300; i++) {
      referenceOf(`${i}/11`)
      referenceOf('x+1')
    }
    expect(referenceOf('x+1')).toBe(used)
  })

  it('judge by the configuration of each call, not of the first', () => {
    const grade = (config: Record<string, unknown>) =>
      mathAnswer('3.3', { vars: { answer: '10/3' }, config: { extract: 'whole', ...config } }).pass
    expect(grade({ tolerance: 0.05 })).toBe(true)
    expect(grade({})).toBe(false)
    const letter = (choices: boolean) => mathAnswer('b', { vars: { answer: 'B' }, config: { extract: 'whole', choices } }).pass
    expect(letter(true)).toBe(true)
    expect(letter(false)).toBe(false)
    expect(letter(true)).toBe(true)
  })

  it('report what cannot be read every time', () => {
    for (let i = 0; i < 2; i++) expect(() => mathAnswer('1', { vars: { answer: '\\frac{1}{2' } })).toThrow(ConfigError)
  })
})
