import { readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../../src/engine/errors.ts'
import { type LossName, lossNamed, policyLosses } from '../../../src/trainer/losses/index.ts'
import { meanOver, Tally } from '../../../src/trainer/losses/loss.ts'

const here = path.dirname(fileURLToPath(import.meta.url))

describe('lossNamed', () => {
  it('finds a loss by the name of its file, and each has its test', () => {
    const files = readdirSync(path.resolve(here, '../../../src/trainer/losses'))
    const names = files.flatMap((file) => /^(?!index|loss)(\w+)\.ts$/.exec(file)?.[1] ?? [])
    expect(names.length).toBe(policyLosses.length + 1)
    for (const name of names) {
      expect(lossNamed(name as LossName)).toBeInstanceOf(Function)
      expect(readdirSync(here)).toContain(`${name}.test.ts`)
    }
  })

  it('names the nearest where there is none', () => {
    expect(() => lossNamed('dappo' as LossName)).toThrow(ConfigError)
    expect(() => lossNamed('dappo' as LossName)).toThrow('Did you mean "dapo"?')
    expect(() => lossNamed('toString' as LossName)).toThrow(/There are: bnpo, cispo, .*likelihood/)
  })
})

describe('Tally', () => {
  const terms = (...values: number[]) => ({ slopes: new Float64Array(values.length), metrics: { a: Float64Array.from(values) } })

  it('adds token by token in order, so sums do not depend on how an update is cut', () => {
    const values = Array.from({ length: 50 }, (_, i) => Math.sin(i) * 10 ** (i % 7))
    const whole = new Tally()
    whole.add(terms(...values))
    const cut = new Tally()
    for (let i = 0; i < 50; i += 7) cut.add(terms(...values.slice(i, i + 7)))
    expect(cut.sum('a')).toBe(whole.sum('a'))
    expect(cut.max('a')).toBe(Math.max(...values))
    expect(cut.lossTokens).toBe(50)
  })

  it('weighs all tokens of several updates alike', () => {
    const [one, two] = [new Tally(), new Tally()]
    one.add(terms(1))
    two.add(terms(2, 3, 6))
    expect(meanOver([one, two], 'a')).toBe(3)
    expect([meanOver([], 'a'), one.mean('b'), one.max('b')]).toEqual([0, 0, 0])
  })
})
