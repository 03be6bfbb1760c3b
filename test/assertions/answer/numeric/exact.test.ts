import { expect, it } from 'vitest'
import type { Node } from '../../../../src/assertions/answer/node.ts'
import { exactValue } from '../../../../src/assertions/answer/numeric/exact.ts'
import { readAnswer } from '../../../../src/assertions/answer/reading/read.ts'
import { gcd, rational } from '../../../../src/assertions/rational.ts'

function nodeOf(text: string): Node {
  const answer = readAnswer(text)
  if (answer.kind !== 'expression') throw new Error(`${text} is read as ${answer.kind}`)
  return answer.node
}

const exactOf = (text: string) => exactValue(nodeOf(text))

function factorial(n: bigint, step = 1n): bigint {
  let product = 1n
  for (let i = n; i > 1n; i -= step) product *= i
  return product
}

it('multiplies out what is written', () => {
  for (let n = 0; n <= 60; n++) {
    expect(exactOf(`${n}!`)).toEqual(rational(factorial(BigInt(n))))
    expect(exactOf(`${n}!!`)).toEqual(rational(factorial(BigInt(n), 2n)))
    for (const k of [0, 1, 2, n - 1, n, n + 1].filter((k) => k >= 0)) {
      const wanted = k > n ? 0n : factorial(BigInt(n)) / (factorial(BigInt(k)) * factorial(BigInt(n - k)))
      expect(exactOf(`\\binom{${n}}{${k}}`)).toEqual(rational(wanted))
    }
  }
  expect(exactOf('2000!')).toEqual(rational(factorial(2000n)))
})

it('reduces large fractions', () => {
  const [n, d] = [12n ** 300n + 5n, 18n ** 250n - 7n]
  expect(exactOf('\\frac{12^{300}+5}{18^{250}-7}')).toEqual({ n: n / gcd(n, d), d: d / gcd(n, d) })
  expect(exactOf('\\frac{6^{400}}{10^{400}}')).toEqual({ n: 3n ** 400n, d: 5n ** 400n })
  expect(exactOf('\\frac{1}{3^{500}}+\\frac{1}{6^{500}}')).toEqual({ n: 2n ** 500n + 1n, d: 6n ** 500n })
  expect(exactOf('(\\frac{-2}{3})^{-3}')).toEqual({ n: -27n, d: 8n })
  expect(exactOf('\\frac{-2^{900}}{-6^{900}}')).toEqual({ n: 1n, d: 3n ** 900n })
  expect(exactOf('\\frac{2023!}{2021!}')).toEqual(rational(2023n * 2022n))
})

it.each(['\\frac{3^{18000}+1}{2^{30000}+1}', '\\gcd(2^{59000}+1, 3^{37000})', `${'\\frac{97^{4000}}{89^{4000}}+'.repeat(20)}1`])(
  'does without a value that costs too much: %s',
  (text) => expect(exactOf(text)).toBe('huge'),
)

it('costs an allowance that is shared what it costs, and nothing once it is known', () => {
  const node = nodeOf('\\frac{12^{900}+5}{18^{950}-7}')
  const shared = { left: 10_000 }
  const value = exactValue(node, shared)
  const { left } = shared
  expect(left).toBeLessThan(10_000)
  expect(exactValue(node, shared)).toBe(value)
  expect(shared.left).toBe(left)
  expect(exactValue(nodeOf('\\frac{12^{901}+5}{18^{950}-7}'), { left: 0 })).toBe('huge')
})
