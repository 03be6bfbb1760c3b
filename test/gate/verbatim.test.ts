import fc from 'fast-check'
import nunjucks from 'nunjucks'
import { describe, expect, it } from 'vitest'
import { plainText, plainVars, printing, verbatim, verbatimVars } from '../../src/gate/verbatim.ts'

const environment = new nunjucks.Environment(null, { autoescape: false })
const hostile = fc
  .array(fc.constantFrom('{{', '}}', '{%', '%}', '{#', '#}', '{', '}', '#', '%', '-', '\n', 'a', ',', '$&', '\\', "'", '"', ' '))
  .map((parts) => parts.join(''))
const text = fc.oneof(fc.string(), hostile)

describe('text for promptfoo', () => {
  it('is a plain string unless promptfoo would alter it', () => {
    expect(verbatim('Find $\\frac{1}{2}$ }} %} #} {a}')).toBe('Find $\\frac{1}{2}$ }} %} #} {a}')
    for (const one of ['\\text{{D}}', '{% if %}', '{# x #}', 'x\n', 'file://x', 'package:x']) expect(verbatim(one)).toEqual([one])
  })

  it('prints as itself in either form, and comes back', () => {
    const template = nunjucks.compile('<{{ problem }}>', environment)
    fc.assert(
      fc.property(text, (one) => {
        expect(template.render({ problem: verbatim(one) })).toBe(`<${one}>`)
        expect(plainText(verbatim(one))).toBe(one)
        expect(plainVars(verbatimVars({ one, list: ['a', 'b'], n: 1 }))).toEqual({ one, list: ['a', 'b'], n: 1 })
      }),
    )
  })

  it('is printed by its template, in JSON too', () => {
    fc.assert(
      fc.property(text, (one) => {
        expect(environment.renderString(printing(one), {})).toBe(one)
        const [inner] = JSON.parse(printing(JSON.stringify([one]))) as [string]
        expect(environment.renderString(inner, {})).toBe(one)
      }),
    )
  })
})
